# The desktop shell: the tray menu and what it says before a window can.

tray-open = Open Feedbell
tray-open-unread = Open Feedbell ({ $count } unread)
# An unread message is marked by a dot; \u2003 is as wide as the dot.
tray-latest-unread = ● { $title } · { $time }
tray-latest = {"\u2003"}{ $title } · { $time }
tray-date = { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
} { $day }, { $time }
tray-feeds = Feeds
tray-feeds-live = Feeds ({ $count } live)
tray-feed = { $name }: { $state }
tray-feed-muted = { $name }: { $state }, muted
tray-no-feeds = No feeds yet
tray-more-feeds = { $count } more in the window
tray-reconnect = Reconnect now
tray-muted = Mute
tray-muted-until = Muted until { $time }
tray-pause = Pause notifications
tray-paused = Notifications are paused
tray-paused-until = Paused until { $time }
tray-pause-hour = For 1 hour
tray-pause-tomorrow = Until tomorrow, 08:00
tray-pause-open = Until I resume
tray-resume = Resume notifications
tray-quiet-until = Quiet hours until { $time }
tray-quiet-next = Quiet hours begin at { $time }
tray-quiet-system = Do not disturb is on in the system
tray-hub = Hub
tray-hub-on = Hub ({ $count } listening)
tray-settings = Settings
tray-quit = Quit Feedbell

state-off = off
state-connecting = connecting
state-live = live
state-waiting = reconnecting
state-stopped = stopped
state-trouble = needs you

desktop-no-display = There is no display to open a window on. Use “feedbell run” for the same bell in a terminal.
desktop-failed = Feedbell could not start: { $why }

desktop-shortcut-unknown = “{ $keys }” is no shortcut. Use Ctrl, Alt or Super with one key, like Ctrl+Alt+B.
desktop-shortcut-taken = Another program uses { $keys }. Choose other keys.
desktop-shortcut-not-here = Programs cannot take keys in this session. Add a shortcut in the system’s settings that runs “feedbell open”.
desktop-autostart-refused = The entry that starts Feedbell could not be changed: { $why }. Check that the folder can be written to.
desktop-folder-refused = This folder could not be opened. Open it in the file manager: { $path }
desktop-copy-refused = The text could not be copied. Select it in the window and copy it there.
desktop-erase-left = Everything is erased except { $path }: { $why }. Delete it by hand.
