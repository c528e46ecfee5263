# The desktop shell: the tray menu and what it says before a window can.

tray-open = Open Feedbell
tray-open-unread = Open Feedbell ({ $count } unread)
tray-feed = { $name }: { $state }
tray-no-feeds = No feeds yet
tray-pause = Pause notifications
tray-resume = Resume notifications
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
