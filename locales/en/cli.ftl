# The command line.

cli-failed = This did not work: { $why }

## listen, check

cli-listen-live = Connected to { $address }
cli-listen-waiting = { $why } Trying again in { $seconds } s.
cli-check-over = { $count ->
    [0] No event within { $seconds } s. That is fine if nothing happened meanwhile.
    [one] 1 event within { $seconds } s.
   *[other] { $count } events within { $seconds } s.
}
cli-check-no-answer = No answer within { $seconds } s. Some servers answer only with their first event: try a longer --wait.

## send

cli-send-unreachable = The hub at { $address } cannot be reached. { $why }
cli-send-unanswered = The hub at { $address } did not answer, so the event may have been sent or not.
cli-send-token = The hub refused: { $why }
cli-send-refused = The hub refused ({ $status }): { $why }
cli-send-no-hub = What answers at { $address } is no Feedbell hub. Check the address given with --hub.
cli-send-bad = The event cannot be sent: { $why }
cli-send-not-text = Standard input is not UTF-8 text.
cli-send-too-long = The text is longer than { $kib } KiB. Send a shorter one, or a link to it.

## serve

cli-serve-port-taken = { $address } is taken by another program. Choose another port with --listen, or 0 for a free one.
cli-serve-token = { $address } can be reached from other machines. Set a token with --token or FEEDBELL_TOKEN, or listen on 127.0.0.1.
cli-serve-bad-token = A token is letters, digits and signs without spaces. Choose another one.
cli-serve-in-use = Another hub uses { $path }. Stop it, or choose another folder with --data.
cli-serve-newer = { $path } was written by a newer Feedbell. Update Feedbell; the file stays as it is.
cli-serve-damaged = { $path } is damaged. Move it away to start with an empty history.

## run

cli-run-hub = The hub listens on { $url }
cli-run-try = Send yourself a like from another terminal:
cli-run-no-feeds = No feeds yet. Add one to { $path }
cli-run-no-control = “feedbell status”, “pause” and “open” cannot reach this notifier: { $why }

## status, pause, resume, reconnect, open

cli-not-running = Feedbell is not running. Start it with “feedbell run”, or open the app.
cli-control-failed = Feedbell is running but cannot be asked: { $why }
cli-control-slow = it does not answer
cli-status-version = Feedbell { $version } is running
cli-status-unread = { $count ->
    [0] No unread messages
    [one] 1 unread message
   *[other] { $count } unread messages
}
cli-hub-off = The hub is off
cli-hub-on = The hub listens on { $url } ({ $count } listening)
cli-no-feeds = No feeds yet
cli-no-such-feed = There is no feed “{ $name }”. “feedbell status” lists them.
cli-paused = Notifications are paused until you resume. Messages are kept.
cli-paused-until = Notifications are paused until { $time }. Messages are kept.
cli-resumed = Notifications are on
cli-reconnecting = Reconnecting

cli-feed-off = { $name }: off
cli-feed-connecting = { $name }: connecting
cli-feed-live = { $name }: live
cli-feed-waiting = { $name }: reconnecting. { $why }
cli-feed-stopped = { $name }: stopped. { $why }
