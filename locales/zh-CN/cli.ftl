# 命令行。

## listen, check

listen-live = 已连接
check-quiet = 没有收到事件。如果这段时间什么都没发生，这很正常。
check-no-byte = 一个字节也没有收到，连保活信号都没有。可能有代理在中间缓冲了事件流；如果这段时间什么都没发生，也可能正常。定时查询（--poll）在两种情况下都能用。
listen-waiting = { $why } { $seconds } 秒后重试。
check-no-answer = { $seconds } 秒内没有应答。有些服务器到第一个事件才应答：请用 --wait 等久一些。

## send

send-not-text = 标准输入不是 UTF-8 文本。
send-too-long = 文本超过 { $kib } KiB。请发送更短的文本，或发送链接。
send-no-hub = { $address } 没有广播站应答。请在 Feedbell 中打开它，用“feedbell serve”启动一个，或用 --hub 或 FEEDBELL_HUB 指定另一个。

## serve

serve-port-taken = { $address } 已被其他程序占用。请用 --listen 换一个端口，或用 0 自动选择空闲端口。
serve-token = 其他机器可以访问 { $address }。请用“feedbell token create”创建令牌，或用 --token 或 FEEDBELL_TOKEN 设置令牌，或改为监听 127.0.0.1。
serve-bad-token = 令牌由字母、数字和符号组成，不含空格。请换一个。
serve-weak-token = 其他机器可以访问 { $address }，少于 16 个字符的令牌很容易被猜到。请用“feedbell token create”创建令牌，或设置更长的令牌。
send-nothing = 没有可发送的内容：文本为空。
serve-tls = 无法使用 https：{ $why }。
serve-tls-half = 证书需要配上它的密钥。请同时指定 --tls-cert 和 --tls-key。
serve-socket = 无法创建套接字 { $path }：{ $why }。请用 --socket 另选一个，或设为 none。
serve-socket-taken = 另一个广播站正在监听 { $path }，“feedbell send”会发到那里。请用 --socket 另选一个，或设为 none。
serve-config-order = 优先顺序：命令行、环境变量、配置文件、默认值。
serve-config-default = 默认
serve-config-unset = { $name } 未设置
serve-config-unread = 无法读取 { $path }：{ $why }。
serve-config-syntax = { $path } 第 { $line } 行：不是 TOML：{ $why }。
serve-config-unknown = { $path } 第 { $line } 行：没有选项“{ $key }”。可用的有 { $known }。
serve-config-value = { $path } 第 { $line } 行：{ $key } 不能是这个值：{ $why }。
serve-config-variable = { $name } 不能是这个值：{ $why }。

## backplane

serve-backplane-memory = 使用背板的广播站会在磁盘上保存一份日志副本。请去掉 --memory 或 --backplane。
serve-import-alone = 没有可以导入的目标：请用 --backplane 指定背板。
backplane-scheme = 引擎的地址以 redis:// 或 valkey:// 开头，使用 TLS 时以 rediss:// 或 valkeys:// 开头，由 Sentinel 监管时以 redis-sentinel:// 开头。
backplane-cluster = 一份日志只在一台服务器上，集群没有用处。请指定一台服务器，例如 redis://host:6379。
backplane-host = 背板的地址中没有主机。请写成 redis://host:6379，密码中的 @ : / ? # % 要写成 %40 %3A %2F %3F %23 %25。
backplane-port = 背板地址中的端口不是 1 到 65535 之间的数字。密码中的 @ : / ? # % 要写成 %40 %3A %2F %3F %23 %25。
backplane-credentials = 背板地址里的密码中，@ : / ? # % 要写成 %40 %3A %2F %3F %23 %25。
backplane-database = 数据库是 0 到 255 之间的数字，例如 redis://host:6379/0。
backplane-parameters = 背板的地址没有参数，使用 Sentinel 时除外：sentinelServiceName、node、sentinelUsername 和 sentinelPassword。
backplane-sentinel = 使用 Sentinel 时请写成 redis-sentinel://host:26379?sentinelServiceName=NAME，其余每个 Sentinel 再加上 &node=host:26379。
backplane-prefix = 前缀由 1 到 64 个字符组成，可用 A-Z a-z 0-9 _ - . 和 :。请换一个 --backplane-prefix。
backplane-unencrypted = --backplane-ca 只用于 TLS。请让背板的地址以 rediss:// 开头，或去掉这个选项。
backplane-certificates = 无法从 { $path } 读取证书：{ $why }。
backplane-wrong = 无法使用背板：{ $why }。

## doctor

doctor-ok = 正常：{ $text }
doctor-unknown = 未知：{ $text }
doctor-warning = 警告：{ $text }
doctor-error = 错误：{ $text }
doctor-server = { $address } 上是 { $name } { $version }。
doctor-server-old = { $address } 上的 { $name } { $version } 太旧：需要 Redis 7.0 或 Valkey 7.2，或更新的版本。
doctor-primary = 它接受写入。{ $replicas ->
    [0] 没有副本。
   *[other] 有 { $replicas } 个副本。
}
doctor-replica = 它是 { $of } 的副本，不接受写入。请指定主服务器，或使用知道主服务器在哪里的 Sentinel。
doctor-sentinel = 这是一个 Sentinel。请写成 redis-sentinel://host:26379?sentinelServiceName=NAME。
doctor-cluster = 它是集群中的一个节点。日志只在其中一个节点上，也不会跟着迁移：最好使用单独的服务器。
doctor-persistence-always = 它确认过的内容已经在磁盘上（appendonly yes，appendfsync always）。
doctor-persistence-everysec = 每次修改都会写入文件（appendonly yes，appendfsync everysec）。它所在的机器崩溃时，最多可能丢失一秒内确认过的内容；只是程序崩溃时不会丢失。
doctor-persistence-some = 每次修改都会写入文件（appendonly yes），但它没有说明多久写入磁盘。
doctor-persistence-no-fsync = 每次修改都会写入文件，但何时写入磁盘由系统决定（appendfsync no）。它所在的机器崩溃时，可能丢失半分钟内确认过的内容。请设置 appendfsync everysec。
doctor-persistence-none = 它不会把每次修改写入文件（appendonly no）。它停止时，确认过的内容可能丢失，所有监听者都会收到缺口通知。请设置 appendonly yes。
doctor-persistence-unknown = 它没有说明会保存什么。请确认 appendonly 是 yes。
doctor-clock = 它的时钟与本机相差 { $ms } 毫秒。
doctor-clock-ahead = 它的时钟比本机快 { $seconds } 秒。广播站以引擎的时钟为准，所以只会让看日志的人困惑。请用 NTP 校准。
doctor-clock-behind = 它的时钟比本机慢 { $seconds } 秒。广播站以引擎的时钟为准，所以只会让看日志的人困惑。请用 NTP 校准。
doctor-memory = 它使用了 { $used } 内存，最多 { $max }，不会为腾出空间而删除键（noeviction）。
doctor-memory-unlimited = 它使用了 { $used } 内存，没有上限。
doctor-memory-full = 它使用了 { $used } 内存，最多 { $max }。达到上限后不再接受任何发布。请提高 maxmemory，或用 --keep-events、--keep-bytes 和 --keep-days 少保留一些。
doctor-memory-evicts = 内存达到 { $max } 时它会删除键（maxmemory-policy { $policy }），包括广播站的键；现在用了 { $used }。请设置 maxmemory-policy noeviction。
doctor-memory-policy-unknown = 它使用了 { $used } 内存，最多 { $max }，但没有说明达到上限后怎么办。请确认 maxmemory-policy 是 noeviction。
doctor-memory-unknown = 它没有说明使用了多少内存。请确认 maxmemory-policy 是 noeviction。
doctor-functions = 此用户可以使用广播站的键，也可以加载和调用函数。
doctor-functions-refused = 此用户不能使用广播站的键，或不能加载和调用函数：{ $why }
doctor-hub-none = 前缀 { $prefix } 下还没有广播站。
doctor-hub = 前缀 { $prefix } 下有一个广播站，位置 { $position }，{ $nodes ->
    [0] 现在没有节点。
   *[other] 有 { $nodes } 个节点。
}
doctor-away = { $address } 没有可用的应答：{ $why }
doctor-password = { $address } 上的引擎拒绝了用户或密码：{ $why }。请写成 redis://user:password@host:6379；没有用户时写成 redis://:password@host:6379。
doctor-untrusted = { $address } 的证书不受信任：{ $why }。请用 --backplane-ca 指定签发它的机构。

## backup

backup-file = { $name }（{ $kib } KiB）
backup-done = 备份已保存到 { $folder }
backup-taken = { $path } 不是空文件夹。请为备份选择一个新的文件夹。
backup-nothing = { $path } 中没有可以备份的内容。请用 --data 指明广播站保存日志的文件夹。
backup-not-copied = 无法复制 { $path }：{ $why }
backup-damaged = { $path } 已损坏，备份也会是损坏的：{ $why }
## token

token-made = 令牌“{ $name }”（{ $id }）的权限：{ $rights }。密钥只显示这一次，用于 { $at }。
token-used = 上次使用：{ $time }
token-unused = 从未使用
token-none = { $at } 没有令牌。请用“feedbell token create”创建一个。
token-no-log = { $path } 中没有广播站的日志。请指定“feedbell serve --data”所用的文件夹。
token-unknown = { $at } 没有令牌“{ $name }”。“feedbell token list”会列出它们。
token-ambiguous = 有多个令牌叫“{ $name }”。请用 ID 指定其中一个；“feedbell token list”会显示 ID。
token-revoked = 令牌“{ $name }”已不能再打开 { $at }。
token-wrong = 没有创建令牌：{ $why }。

## run

run-hub = 广播站正在监听 { $url }
run-try = 在另一个终端给自己发一个点赞：
run-no-feeds = 还没有订阅源。请添加到 { $path }
run-no-window = 这个 Feedbell 在终端中运行，没有窗口。“feedbell open --message”会在这里显示消息。
run-no-control = “feedbell status”、“pause”和“open”无法连接此进程：{ $why }

## status, pause, resume, reconnect, open

status-not-running = Feedbell 没有运行。请用“feedbell run”启动，或打开应用。
status-failed = Feedbell 正在运行，但无法询问：{ $why }
status-slow = Feedbell 正在运行，但没有应答。请重试，或重新启动它。
status-version = Feedbell { $version } 正在运行
status-unread = { $count ->
    [0] 没有未读消息
   *[other] { $count } 条未读消息
}
status-hub-off = 广播站已关闭
status-hub-starting = 广播站正在启动
status-hub-on = 广播站正在监听 { $url }（{ $count } 个订阅者）
status-no-feeds = 还没有订阅源
reconnect-unknown = 没有订阅源“{ $name }”。“feedbell status”会列出它们。
status-paused = 通知已暂停，直到你恢复。消息会保留。
status-paused-until = 通知已暂停到 { $time }。消息会保留。
status-resumed = 通知已开启
status-hours = 免打扰时段，到 { $time } 为止。消息会保留。
status-hours-next = 下一个免打扰时段：{ $time }
status-system = 系统勿扰已开启。消息会保留。
status-breakthrough-urgent = 紧急消息仍会通知。
status-breakthrough-high = 重要和紧急消息仍会通知。
status-breakthrough-normal = 普通及以上紧急程度的消息仍会通知。
status-breakthrough-low = 所有消息仍会通知。
mute-done = { $name } 已静音。消息会保留。
mute-until = { $name } 已静音到 { $time }。消息会保留。
mute-over = { $name } 未静音
open-done = 已请 Feedbell 显示窗口
open-message = 已请 Feedbell 显示消息 { $id }
reconnect-done = 正在重新连接

status-feed-off = { $name }：已关闭
status-feed-connecting = { $name }：正在连接
status-feed-live = { $name }：在线
status-feed-waiting = { $name }：正在重连。{ $why }
status-feed-muted = { $feed }（已静音）
status-feed-muted-until = { $feed }（已静音到 { $time }）
status-feed-stopped = { $name }：已停止。{ $why }
