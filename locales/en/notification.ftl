# Why a notification was not shown.
notification-no-bus = This session has no D-Bus, so notifications cannot be shown. Messages are kept in the inbox.
notification-no-daemon = No notification service is running. Start or install one, for example dunst; messages are kept in the inbox.
notification-no-answer = The notification service does not answer. Restart it, or sign in again; messages are kept in the inbox.
notification-refused = The notification service refused a notification: { $reason }. The message is in the inbox.
notification-stopped = Notifications are shut down. Start Feedbell again.
