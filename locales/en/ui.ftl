# The window's own texts. What the notifier says to it is in core.ftl.

## Times

ui-day-today = Today
ui-day-yesterday = Yesterday
ui-day-tomorrow = Tomorrow
# day: one of the above, or a date. time: 14:36.
ui-day-at = { $day } at { $time }
ui-ago-seconds = { $n } s ago
ui-ago-minutes = { $n } min ago
ui-ago-hours = { $n } h ago
ui-ago-days = { $n ->
    [one] { $n } day ago
   *[other] { $n } days ago
}

## Rail

ui-rail-all = All
ui-rail-unread = Unread
ui-rail-pinned = Pinned
ui-rail-feeds = Feeds
ui-rail-no-feeds = No feeds yet
ui-rail-hub = Hub
ui-rail-settings = Settings
ui-rail-trying = Trying
ui-rail-trying-hint = Started to try things out: the hub and its feed stay until you quit. Messages and settings are kept.
ui-look-live = Live
ui-look-wait = Reconnecting
ui-look-off = Not connected
ui-look-bad = Needs you

## Actions

ui-action-open = Open
ui-action-mark-read = Mark read
ui-action-mark-unread = Mark unread
ui-action-mark-all = Mark all read
ui-action-pin = Pin
ui-action-unpin = Unpin
ui-action-delete = Delete
ui-action-undo = Undo
ui-action-copy = Copy
ui-action-close = Close
ui-action-back = Back
ui-action-menu = Menu
ui-action-cancel = Cancel
ui-action-pause = Pause
ui-action-resume = Resume
ui-action-fix = Fix

## Top bar

ui-search = Search messages
ui-status-live = All feeds live
# ago: 3 s ago
ui-status-heard = last heard { $ago }
ui-status-off = All feeds are off
ui-status-bad = { $n ->
    [one] { $n } feed needs you
   *[other] { $n } feeds need you
}
ui-status-wait-one = { $name } is reconnecting
ui-status-wait = { $n } feeds are reconnecting
ui-status-paused = Notifications are paused
ui-status-paused-until = Paused until { $time }
ui-pause-menu = How long to pause
ui-pause-hour = For 1 hour
ui-pause-until-note = until { $time }
ui-pause-tomorrow = Until tomorrow
ui-pause-open = Until I resume
ui-strip-more = { $n } more

## Message list

ui-filter-unread = Unread
ui-list-new = { $n ->
    [one] { $n } new message
   *[other] { $n } new messages
}
ui-row-unread = Unread
# Between the parts of a row's name for screen readers.
ui-row-comma = , { "" }
ui-urgency-high = High
ui-gap = Some events between { $from } and { $to } could not be recovered
ui-gap-before = Some events before { $to } could not be recovered
ui-gap-about = The server no longer had them when Feedbell came back. Messages before and after are complete.
ui-live-new = { $n ->
    [one] { $n } new message
   *[other] { $n } new messages
}

## Empty lists

ui-empty-search = Nothing matches “{ $words }”
ui-empty-unread = Nothing unread here
ui-empty-unread-on = Unread is on and hides messages you have read.
ui-empty-clear = Clear filters
ui-empty-all-read = Everything is read
ui-empty-pinned = Nothing is pinned
ui-empty-pinned-hint = Pin a message to find it here again.
ui-empty-messages = No messages yet
ui-empty-messages-hint = They appear here as soon as an event arrives.

## Message

ui-detail = Message
ui-detail-none = Choose a message to read it
ui-detail-keys = to move, all keys with
ui-detail-why = Why you see this
ui-detail-raw = Raw event
ui-detail-bytes = { $n ->
    [one] { $n } byte
   *[other] { $n } bytes
}

## Toasts

ui-toast-deleted = { $n ->
    [one] { $n } message deleted
   *[other] { $n } messages deleted
}
ui-toast-copied = Copied
ui-toast-copy-refused = The system did not allow copying. Select the text and copy it by hand.
ui-toast-settings-saved = Settings saved
ui-toast-feed-added = { $name } added
ui-toast-feed-deleted = { $name } deleted
ui-error-unexpected = This did not work: { $detail }. Try again, or start Feedbell anew.

## First start

ui-welcome-title = A bell for any event feed
ui-welcome-lead = Likes, builds, doors. Point Feedbell at a server that streams events and it rings when something you care about happens.
ui-welcome-try = Try it now
ui-welcome-try-about = Starts a hub on this computer and sends you one like. Works offline.
ui-welcome-try-running = The hub on this computer is running. It sends you one like. Works offline.
ui-welcome-send-like = Send yourself a like
ui-welcome-add-about = Paste the address of an event stream, or start from a preset.
ui-welcome-or = Or send one from a terminal

## Settings

ui-settings-at-once = Changes apply at once
ui-settings-feeds = Feeds
ui-settings-general = General
ui-settings-hub = Hub
ui-settings-errors = The settings file has mistakes
ui-settings-file = Settings file
ui-language = Language
ui-language-auto = As the system
ui-language-hint = Applies at once, here and in notifications.
ui-keep-days = Days to keep read messages
ui-keep-days-hint = { $n ->
    [one] Read messages go after { $n } day. Unread and pinned ones stay.
   *[other] Read messages go after { $n } days. Unread and pinned ones stay.
}
ui-keep-for-ever = 0 keeps them for ever.

## Feed editor

ui-feed-add = Add a feed
ui-feed-save = Add feed
ui-feed-edit = Edit feed
ui-feed-delete = Delete feed
ui-feed-muted = Muted
ui-feed-reconnect = Reconnect
ui-feed-url = Address
ui-feed-url-hint = Of the event stream itself, not of the page that shows it.
ui-offer = This looks like { $name }.
ui-offer-muted = This looks like { $name }, which starts muted.
ui-offer-use = Use its preset
ui-feed-name = Name
ui-feed-name-hint = As it appears in the list
ui-feed-preset = Preset
ui-feed-preset-none = None
ui-feed-preset-hint = A preset knows the events of a kind of server. Without one, every event becomes a message.
ui-feed-access = Access
ui-access-none = None
ui-access-bearer = Token
ui-access-basic = User name and password
ui-access-query = Query parameter
ui-access-cookie = Cookie
ui-access-token = Token
ui-access-username = User name
ui-access-password = Password
ui-access-query-name = Parameter name
ui-access-query-value = Value
ui-access-cookie-name = Cookie name
ui-access-cookie-value = Value
ui-plain-http = Allow plain http on this private network
ui-plain-http-note = The token or password would travel unencrypted. To a public address it never does.
ui-secret-stored = Stored. Type to replace it
ui-secret-hint = Kept in the system’s keyring, never in the settings file.
ui-secret-command-hint = The first line that this command prints.
ui-secret-source = { $label }: where it comes from
ui-secret-typed = Typed in
ui-secret-command = From a command
ui-feed-enabled = Connected
ui-feed-enabled-note = Off: nothing is received.
ui-feed-mute = Muted
ui-feed-mute-note = Messages go to the inbox without a notification.
ui-feed-mute-preset = The preset starts muted, because its events come often. They go to the inbox without a notification.
ui-feed-history = Load history
ui-feed-history-note = Starts with what the server still has, silently. Off: only what comes from now on.
ui-feed-itself = This feed
ui-feed-notifications = Notifications and messages
ui-sound = Sound
ui-sound-system = As the system
ui-sound-silent = None
ui-sound-named = A sound of the desktop
ui-sound-name = Name of the sound
ui-sound-name-hint = As the desktop’s sound theme calls it.
ui-hide-content = Hide content
ui-hide-content-note = Notifications say only that something came.
ui-hide-content-general = The general settings hide the content of all feeds already.
ui-remote-icons = Load icons from the web
ui-remote-icons-note = The server that an icon comes from sees when a message arrived, and your address.
ui-http-actions = Let buttons send requests
ui-http-actions-note = A button of a message can then send a request to any public server, in the way that the message says. Turn it on only for feeds you trust.
ui-feed-keep = Keep read messages
ui-feed-keep-hint = Unread and pinned ones stay.
ui-feed-keep-general = As in the settings, { $n ->
    [one] { $n } day
   *[other] { $n } days
}
ui-feed-keep-general-ever = As in the settings, for ever
ui-feed-keep-days = For some days
ui-feed-keep-ever = For ever
ui-feed-keep-number = Days
ui-saved-now = Saved just now
# ago: 3 min ago
ui-saved-ago = Saved { $ago }
ui-draft-restored = This is what you began before.
ui-draft-over = Start over
ui-toast-draft-kept = What you began is kept until you come back
ui-toast-draft-discarded = New feed discarded
ui-optional = Optional
ui-rules = Rules
ui-rules-note = First match wins
ui-rules-none = No rules: every event notifies.
ui-rules-none-preset = No rules of your own: the preset’s apply.
ui-rule-add = Add rule
ui-rule-every = Every event
ui-rule-up = Move { $name } up
ui-rule-down = Move { $name } down
ui-rule-remove = Remove { $name }
ui-rule-name = Name
ui-rule-events = When the event is
ui-rule-events-all = like, user-*
ui-rule-when = And this is true
ui-rule-then = Then
ui-verdict-notify = Notify
ui-verdict-keep = Keep
ui-verdict-drop = Drop
ui-verdict-notify-about = Goes to the inbox and makes a notification.
ui-verdict-keep-about = Goes to the inbox, silently.
ui-verdict-drop-about = Leaves no trace.
ui-rule-title = Title
ui-rule-body = Body
ui-rule-link = Link
ui-rule-icon = Icon
ui-rule-icon-hint = An icon name
ui-rule-urgency = Urgency
ui-rule-urgency-hint = low, normal, high or urgent
ui-rule-group = Group
ui-rule-group-hint = Messages of one group, close in time, become one
ui-rule-key = Key
ui-rule-key-hint = Same key, same message
ui-rule-empty-hint = A field left empty uses the default.
ui-rule-drag = Drag to another place, or press Alt and an arrow key
# For screen readers.
ui-rule-moved = { $name } is now rule { $place } of { $all }
ui-rule-takes = Takes the selected event
ui-rule-more = More
ui-rule-event-add = Add
ui-rule-event-remove = Remove { $name }
ui-rule-event-seen = Add { $name }, which came lately
ui-toast-rule-removed = Rule deleted
ui-rule-actor = Actor
ui-rule-actor-hint = Who did it, for bursts
ui-rule-burst = Title of a burst
ui-rule-burst-hint = With the number in count. Empty: the number of new messages
ui-rule-link-hint = Opens with a click: http, https or mailto
ui-headers = Request headers
ui-headers-none = None besides those that Feedbell sends.
ui-header-add = Add header
ui-header-name = Name
ui-header-value = Value
ui-header-remove = Remove header
ui-advanced = Advanced
ui-advanced-about = Silence, resuming, polling, proxy, certificates
ui-watchdog = Reconnect after seconds of silence
ui-watchdog-learned = learned
ui-watchdog-hint = Empty: learned from the server’s keep-alives.
ui-stop-on = Stop after these events
ui-stop-on-hint = The feed then waits until you reconnect.
ui-resume = Resume after a break
ui-resume-preset = As the preset says
ui-resume-preset-none = Without a preset: the Last-Event-ID header.
ui-resume-header = Last-Event-ID header
ui-resume-query = Event id as a query parameter
ui-resume-field = Data field as a query parameter
ui-resume-off = Not at all
ui-data-field = Data field
ui-parameter = Parameter name
ui-delivery = Delivery
ui-delivery-stream = Hold a stream
ui-delivery-poll = Ask at intervals
ui-poll-seconds = Seconds between requests
ui-proxy = Proxy
ui-proxy-system = As the system
ui-proxy-none = None
ui-proxy-address = This address
ui-proxy-at = Proxy address
ui-authority = Also trust this authority
ui-authority-hint = A PEM file. Empty: only those of the system.
ui-pin = Trust this certificate alone
ui-pin-hint = Its fingerprint, as a hub on the LAN shows it. Empty: as the authorities say.
ui-certificate = Client certificate
ui-certificate-hint = A PEM file.
ui-certificate-key = Its key
ui-certificate-key-hint = A PEM file. Empty: in the certificate’s file.

## Mapper

ui-arrivals-time = Time
ui-arrivals-event = Event
# ago: 3 s ago
ui-arrivals-live = Live, last heard { $ago }
ui-arrivals-listening = Listening
ui-arrivals-idle = The check has ended
ui-arrivals-newer = { $n ->
    [one] { $n } newer
   *[other] { $n } newer
}
ui-arrivals-none = Nothing has come yet. The next event appears here.
ui-arrivals-dropped = A rule drops this event
ui-fields = Fields of this event
ui-fields-note = Choose what each one becomes
ui-fields-keys = Choose what each one becomes: click it, or press 1 to 7, and 0 to clear
ui-fields-all = Show all { $n } fields
ui-role-choose = Choose
ui-role-title = Title
ui-role-body = Body
ui-role-link = Link
ui-role-icon = Icon
ui-role-urgency = Urgency
ui-role-group = Group
ui-role-key = Key
ui-role-none = Not used
ui-role-usual = By default, as long as no rule says otherwise
# For screen readers: a field, its value and what it becomes.
ui-role-of = { $field }, { $value }: { $role }
ui-words-comma = , { "" }
ui-preview = Preview
ui-preview-last = Last real event
# time: 14:36:02
ui-preview-of = Event of { $time }
ui-preview-none = The notification is drawn here once there is an event.
ui-preview-refused = This is how it was before the mistake below.
ui-preview-muted = Goes to the inbox, silently: the feed is muted.
ui-preview-many = As one of a burst
ui-preview-others = { $name } and { $n } others
ui-urgent-high = High urgency
ui-urgent-urgent = Urgent
ui-send-test = Send a test
ui-send-test-about = Goes the whole way: rules, inbox, quiet hours and a real notification.
ui-send-test-add = Add the feed first. Then a test can go the whole way.
ui-send-test-waiting = On its way through rules, inbox and quiet hours
ui-send-test-nothing = It reached no inbox: a rule may drop it. Look at the rules above.
ui-send-test-there = It went through.
# why: Kept silently, quiet hours
ui-send-test-silent = It went through without a notification: { $why }.
ui-send-test-open = Open the message
ui-presets = Presets
ui-presets-browse = Browse presets
ui-presets-search = Search presets
ui-presets-none = No preset matches “{ $words }”. Choose None, and map the events yourself.
ui-presets-muted = starts muted
ui-presets-used = In use

## Feed test

ui-test = Test
ui-test-again = Test again
ui-test-stop = Stop
ui-test-title = Connection check
ui-test-about = Connects once with these settings and shows each step, then the events that arrive and what they become. Nothing is stored.
ui-test-passed = Passed
ui-test-failed = Failed
ui-test-noted = Noted
ui-test-waiting = Waiting
ui-test-waiting-second = Waiting for a second event
ui-test-ahead = Not reached
ui-test-unreached = Not reached
# time: 48 ms, or 0.2 s
ui-test-progress = { $done } of { $all } steps, { $time }
ui-test-since = Since the check began
ui-test-ms = { $n } ms
ui-test-s = { $n } s
ui-test-add-token = Add a token
ui-test-retry = Try again
ui-test-copy = Copy report
ui-test-copy-note = Tokens and cookies are left out.
ui-test-steps = Show the steps
ui-test-steps-hide = Hide the steps
ui-test-report = Connection check by Feedbell { $version }
ui-step-access = Access
ui-step-name = Find the server
ui-step-connect = Connect
ui-step-tls = Secure
ui-step-proxy = Proxy
ui-step-answer = Answer
ui-step-content_type = Event stream
ui-step-first_byte = First byte
ui-step-keep_alive = Keep-alive
ui-step-first_event = First event
ui-step-resume = Resume after a break
ui-test-events = Arriving events
ui-test-verdict-notify = notification
ui-test-verdict-keep = inbox only
ui-test-verdict-drop = dropped

## Hub

ui-hub-sub = Send events to people around you
ui-hub-off = Off
ui-hub-local = This computer
ui-hub-lan = LAN
ui-hub-starting = Starting
ui-hub-failed = Did not start
ui-hub-listening = { $n } listening
# days: how long events are kept at the most.
ui-hub-kept = { $n ->
    [one] { $n } event kept, up to { $days } days
   *[other] { $n } events kept, up to { $days } days
}
ui-hub-where = Programs on this computer use
ui-hub-where-lan = People on your network open
ui-hub-where-nowhere = No network: for now, programs on this computer use
ui-hub-no-network = Connect this computer to a network. The address for others then appears here.
ui-hub-also = This computer has more addresses, in case that one does not answer:
ui-hub-fingerprint = Also over https. The fingerprint of its certificate:
ui-hub-plain = Not encrypted: others on the network can read along.
ui-hub-plain-fix = Use https
ui-hub-local-note = Nobody else reaches it, so no token is asked.
ui-hub-sent = Sent
ui-hub-anywhere = Send from anywhere
ui-hub-page = Listen in a page
ui-hub-page-hint = A page from another address may listen once its origin is allowed:
ui-hub-now = Listening now
ui-hub-places = { $n } of { $max }
ui-hub-places-full = { $n } of { $max }, all places are taken
ui-hub-nobody = Nobody is listening. Open the lines above in a page, or add this hub as a feed on another computer.
ui-hub-user = User
ui-hub-device = Device
ui-hub-from = Address
ui-hub-since = Since
# For who listens without a name.
ui-hub-anyone = Without a name
ui-hub-no-device = Unknown
ui-hub-here = This computer
ui-hub-on-topics = Topics: { $topics }
ui-hub-with-token = Token: { $name }
ui-hub-disconnect = Disconnect
ui-hub-disconnect-ban = Disconnect and keep away
ui-hub-more = More for { $name }
ui-hub-all = Show all { $n }
ui-hub-bans = Kept away
ui-hub-unban = Let back in
ui-hub-is-off = The hub is off
ui-hub-is-off-about = With it, scripts and web pages on this computer can send and receive events. Nothing leaves the computer.
ui-hub-start = Start the hub
ui-hub-starting-now = The hub is starting
ui-hub-starting-about = It waits for its token. If the system asks to unlock the keyring, answer it.
ui-hub-failed-about = Nothing can be sent or received through the hub until it runs. Your feeds go on.
ui-hub-again = Try again
ui-hub-change-address = Change address
ui-hub-on = Run the hub
ui-hub-note = Programs on this computer can send events to it.
ui-hub-address = Listen address
ui-hub-address-hint = 127.0.0.1 keeps it on this computer, 0.0.0.0 opens it to your network.
ui-hub-origins = Web pages that may use it
ui-hub-origins-hint = One origin a line, exactly as in the browser. Programs need none.
ui-hub-tls = Encryption
ui-hub-tls-hint = The hub makes its own certificate. Programs that use it pin the fingerprint on its page.
ui-hub-tls-off = http
ui-hub-tls-on = http and https
ui-hub-tls-required = Only https
ui-hub-show = Show the hub
ui-send = Send
ui-send-event = Event
ui-send-to = To
ui-send-everyone = Everyone
ui-send-users = Listening
ui-send-topics = Topics
ui-send-user = Another user…
ui-send-topic = Another topic…
ui-send-user-name = Name of the user
ui-send-topic-name = Name of the topic
ui-send-text = Text
ui-send-text-hint = Coffee is ready
ui-send-reaches = { $n ->
    [0] Nobody is listening now. It is kept for later.
    [one] Reaches { $n } person
   *[other] Reaches { $n } people
}
ui-send-reaches-later = Not listening now. It is kept for later.
ui-send-now = Send

## Tokens

ui-tokens = Tokens
ui-tokens-none = There are no tokens yet. Other computers need one.
ui-tokens-none-local = None are needed on this computer. Other computers need one.
ui-token-new = New token
ui-token-new-about = One for each program or person: then one can be taken back alone.
ui-token-first = One more step: a token
ui-token-first-about = Who opens the hub from another computer has to show a token. Until there is one, the hub serves this computer alone.
ui-token-first-name = Family
ui-token-name = Name
ui-token-rights = May
ui-token-right-read = Listen
ui-token-right-write = Send
ui-token-right-admin = Manage
ui-token-uids = Only these users
ui-token-topics = Only these topics
ui-token-any = Any
ui-token-create = Create token
ui-token-stay-local = Stay on this computer
ui-token-made = Token “{ $name }” is ready
ui-token-made-about = Copy it now: it is shown only this once.
ui-token-done = Done
ui-token-may-r = Listen
ui-token-may-w = Send
ui-token-may-a = Manage
ui-token-may-rw = Listen, send
ui-token-may-ra = Listen, manage
ui-token-may-wa = Send, manage
ui-token-may-rwa = Listen, send, manage
ui-token-may-none = Nothing
# may: what it may do. who: users and topics.
ui-token-only = { $may } · only { $who }
# ago: 3 s ago
ui-token-used = used { $ago }
ui-token-unused = not used yet
ui-token-revoke = Revoke
ui-token-revoke-ask = Revoke “{ $name }”? What uses it is disconnected at once. This cannot be undone.

## Keys

ui-key-help = Keys
ui-key-move = Next, previous message
ui-key-open = Open the message
ui-key-read = Mark read
ui-key-unread = Mark unread
ui-key-pin = Pin or unpin
ui-key-delete = Delete
ui-key-undo = Undo
ui-key-search = Search
ui-key-all = Go to All
ui-key-go-unread = Go to Unread
ui-key-hub = Go to the hub
ui-key-pause = Pause or resume
ui-key-back = Back
