# The hub's own web page, at its address. The app's page about its hub is in ui.ftl.

## Top

page-title = Feedbell hub
page-hub = Hub
page-state-connecting = Connecting…
page-state-live = Live
page-state-waiting = Reconnecting in { $n } s
page-state-again = Reconnecting…
page-state-polling = Asking every { $n } s
page-state-token = Needs a token
page-state-refused = Refused
page-state-gone = Turned away
page-try-now = Try now
page-language = Language
page-view = Show
page-forget = Forget the token
page-forget-hint = All tabs of this browser forget it.

## Trouble

page-waiting-lost = The connection to the hub is lost. What happens meanwhile arrives once it is back.
page-waiting-why = The hub says: { $why }
page-polling-about = A stream does not get through, so this page asks every { $n } s instead. Often a proxy in between holds streams back.
page-refused-why = The hub refuses: { $why }
page-gone-about = The hub does not let this page listen any more.

## Token

page-token = Token
page-token-asked = This hub asks for a token
page-token-wrong = The hub does not know this token.
page-token-about = It stays in this browser until its tabs are closed, and never stands in an address.
page-token-use = Use token

## Events

page-events = Events
page-listening-as = Listening as
page-everyone = Everyone
page-uid = User
page-topic = Topic
page-listen-add = Listen to more
page-listen-what = User or topic
page-listen-name = Name
page-listen = Listen
page-listen-stop = Stop listening as { $name }
page-listen-bad-topic = A topic has 1 to 64 letters, digits, - and _.
page-listen-bad-uid = A user has 1 to 128 bytes.
page-listen-most = { $n } users and topics are the most.
page-cancel = Cancel
page-new = { $n ->
    [one] { $n } new event
   *[other] { $n } new events
}
page-empty = Nothing has happened yet
page-empty-about = Events show up here as they are sent. Send one with the form, or from a terminal:
page-waiting-first = The list begins once the hub answers.
page-earlier = earlier
page-earlier-about = From before this page was opened
page-at = Received { $time }
page-gap = Some events could not be recovered
page-gap-about = The hub no longer has what came between { $from } and { $to }.
page-urgent = High
page-link = Link
page-data = Data
page-id = Position
page-for = For
page-name = Event name
page-only-newest = Only the newest { $n } are shown.

## Kinds of events, as the app calls them

page-event-like = Like
page-event-favorite = Favorite
page-event-notify = Notification
page-event-comment = Comment
page-event-follow = New follower
page-event-mention = Mention
page-event-message = Message

## Send

page-send = Send
page-send-event = Event name
page-send-to = To
page-send-to-name = Name of the user or topic
page-send-as = Content
page-send-words = Text
page-send-json = JSON
page-send-title = Title
page-send-text = Text
page-send-text-hint = Ada liked your post
page-send-now = Send
page-sent = Sent, position { $id }
page-sent-unheard = Sent. This page does not listen as { $name }.
page-send-bad-json = This is not JSON: { $why }
page-send-failed = Not sent: { $why }
page-send-unreachable = Not sent: the hub does not answer. Try again.

## Who is online

page-online = Online
page-online-of = { $n } of { $max }
page-online-none = Nobody is listening.
page-online-lag = { $n } behind
page-disconnect = Disconnect
page-disconnect-who = Disconnect { $name }
page-disconnected = Disconnected. Most programs come back by themselves.
page-disconnect-failed = Not disconnected: { $why }

## Recipes

page-recipes = From your programs
page-code = Code
page-receive = Receive
page-receive-note-browser = In any page; other origins need --allow-origin.
page-receive-note-curl = In a terminal. Ctrl-C ends it.
page-receive-note-python = The standard library is enough. It reconnects and goes on where it was.
page-receive-note-rust = With reqwest. It reconnects and goes on where it was.
page-receive-note-node = Nothing to install. It reconnects and goes on where it was.
page-send-note-browser = In any page; other origins need --allow-origin.
page-send-note-curl = Without uid and topic it reaches everyone.
page-send-note-python = The standard library is enough.
page-send-note-rust = With reqwest.
page-send-note-node = Nothing to install.
page-recipe-token = Put your token into the variable FEEDBELL_TOKEN.
page-recipe-token-browser = Put your token in place of FEEDBELL_TOKEN.
page-tool = Language
page-copy = Copy
page-copied = Copied
page-copy-refused = The browser does not allow copying. Select the text instead.
