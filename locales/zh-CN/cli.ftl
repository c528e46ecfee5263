# 命令行。

cli-failed = 未能完成：{ $why }

## listen, check

cli-listen-live = 已连接 { $address }
cli-listen-waiting = { $why } { $seconds } 秒后重试。
cli-check-over = { $count ->
    [0] { $seconds } 秒内没有事件。如果这段时间什么都没发生，这很正常。
   *[other] { $seconds } 秒内收到 { $count } 个事件。
}
cli-check-no-answer = { $seconds } 秒内没有应答。有些服务器到第一个事件才应答：请用 --wait 等久一些。

## send

cli-send-unreachable = 无法连接 { $address } 上的广播站。{ $why }
cli-send-unanswered = { $address } 上的广播站没有应答，事件可能已发送，也可能没有。
cli-send-token = 广播站拒绝了：{ $why }
cli-send-refused = 广播站拒绝了（{ $status }）：{ $why }
cli-send-no-hub = { $address } 上应答的不是 Feedbell 广播站。请检查 --hub 给出的地址。
cli-send-bad = 无法发送该事件：{ $why }
cli-send-not-text = 标准输入不是 UTF-8 文本。
cli-send-too-long = 文本超过 { $kib } KiB。请发送更短的文本，或发送链接。

## serve

cli-serve-port-taken = { $address } 已被其他程序占用。请用 --listen 换一个端口，或用 0 自动选择空闲端口。
cli-serve-token = 其他机器可以访问 { $address }。请用 --token 或 FEEDBELL_TOKEN 设置令牌，或改为监听 127.0.0.1。
cli-serve-bad-token = 令牌由字母、数字和符号组成，不含空格。请换一个。
cli-serve-in-use = 另一个广播站正在使用 { $path }。请停止它，或用 --data 换一个文件夹。
cli-serve-newer = { $path } 由更新版本的 Feedbell 写入。请更新 Feedbell；文件保持原样。
cli-serve-damaged = { $path } 已损坏。移走它，即可从空的历史重新开始。

## run

cli-run-hub = 广播站正在监听 { $url }
cli-run-try = 在另一个终端给自己发一个点赞：
cli-run-no-feeds = 还没有订阅源。请添加到 { $path }
cli-run-no-control = “feedbell status”、“pause”和“open”无法连接此进程：{ $why }

## status, pause, resume, reconnect, open

cli-not-running = Feedbell 没有运行。请用“feedbell run”启动，或打开应用。
cli-control-failed = Feedbell 正在运行，但无法询问：{ $why }
cli-control-slow = 没有应答
cli-status-version = Feedbell { $version } 正在运行
cli-status-unread = { $count ->
    [0] 没有未读消息
   *[other] { $count } 条未读消息
}
cli-hub-off = 广播站已关闭
cli-hub-on = 广播站正在监听 { $url }（{ $count } 个订阅者）
cli-no-feeds = 还没有订阅源
cli-no-such-feed = 没有订阅源“{ $name }”。“feedbell status”会列出它们。
cli-paused = 通知已暂停，直到你恢复。消息会保留。
cli-paused-until = 通知已暂停到 { $time }。消息会保留。
cli-resumed = 通知已开启
cli-reconnecting = 正在重新连接

cli-feed-off = { $name }：已关闭
cli-feed-connecting = { $name }：正在连接
cli-feed-live = { $name }：在线
cli-feed-waiting = { $name }：正在重连。{ $why }
cli-feed-stopped = { $name }：已停止。{ $why }
