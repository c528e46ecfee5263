# 核心所说的话：状态、原因、设置中的问题、消息的经过。

## 通知

announce-many = 离开期间收到 { $count } 条消息
announce-burst = { $count } 条新消息
burst-title = { $count } 条消息：{ $title }
announce-many-body = 来自 { $feeds }
announce-hidden = 新消息
# 托盘菜单中的一行。what 为“新消息”或“3 条新消息”。
latest-hidden = { $what } · { $feed }
announce-action-open = 打开
# 同一组多条消息的标题。
announce-group = { $count } 条消息：{ $title }
announce-two-actors = { $first } 和 { $second }
announce-actors = { $first }、{ $second } 和另外 { $others } 人
announce-action-read = 标为已读
announce-action-snooze = 暂停 1 小时
announce-action-mute = 静音订阅源

## 消息自带的操作

act-gone = 这条消息已不再提供该操作。请重新打开它。
act-off-feed = { $feed } 不能发送请求。可在该订阅源的设置中的“通知”里允许。
act-off-address = { $host } 不是公网地址，消息的请求只能发往公网地址。
act-bad-address = 地址 { $address } 无法使用。它必须以 http:// 或 https:// 开头。
act-bad-request = 消息要求的请求无法发送：{ $why }
act-busy = 还有其他请求正在发送。请稍后再试。
act-answered = { $host } 已完成（状态 { $status }）。
act-refused = { $host } 拒绝了（状态 { $status }）。请到那里查看原因。
act-unknown-host = 名称 { $host } 没有对应的地址。请检查网络是否连通。
act-no-answer = { $host } 在 10 秒内没有应答。请稍后再试。
act-unsent = 无法连接 { $host }：{ $why }。请稍后再试。

## 可读的事件名

event-like = 点赞
event-favorite = 收藏
event-favourite = 收藏
event-notify = 通知
event-comment = 评论
event-follow = 新关注者
event-mention = 提及
event-message = 消息

## 为什么没有弹出通知

silenced-paused = 通知已暂停，已静默保存
    .lead = 已静默保存
silenced-paused-until = 通知暂停至 { $until }，已静默保存
    .lead = 已静默保存
silenced-hours = 免打扰时段至 { $until }，已静默保存
    .lead = 已静默保存
silenced-system = 系统勿扰已开启，已静默保存
    .lead = 已静默保存
silenced-muted = { $feed } 已静音，已静默保存
    .lead = 已静默保存
silenced-muted-until = { $feed } 已静音至 { $until }，已静默保存
    .lead = 已静默保存
silenced-keep = 按规则静默保存
    .lead = 静默保存
silenced-history = 订阅之前就已存在，已静默保存
    .lead = 已静默保存

## 时刻

moment-tomorrow = 明天 { $time }
moment-yesterday = 昨天 { $time }
moment-date = { $month } 月 { $day } 日 { $time }
moment-date-year = { $year } 年 { $month } 月 { $day } 日 { $time }

## 消息的经过

ledger-received = 已收到，存为 { NUMBER($id, useGrouping: "false") }
    .lead = 已收到，存为
    .code = { NUMBER($id, useGrouping: "false") }
ledger-default = 没有规则，可以通知
    .lead = 没有规则
ledger-rule = 规则 { $number }：{ $verdict ->
    [keep] 保存
    [drop] 丢弃
   *[notify] 通知
}
    .lead = 规则 { $number }
ledger-rule-named = 规则 { $number }“{ $name }”：{ $verdict ->
    [keep] 保存
    [drop] 丢弃
   *[notify] 通知
}
    .lead = 规则 { $number }
ledger-preset-rule = 预设规则“{ $name }”：{ $verdict ->
    [keep] 保存
    [drop] 丢弃
   *[notify] 通知
}
    .lead = 预设规则
ledger-facts = 列表超过 { $count } 条：只取了最新的部分
ledger-gap = 服务器告知部分事件已丢失
ledger-shown = 已弹出通知
    .lead = 已弹出通知
ledger-read = 已标为已读
    .lead = 已标为已读
ledger-opened = 已从通知中打开
    .lead = 已从通知中打开
ledger-done = 已标为已处理
    .lead = 已标为已处理

## 缺口

gap-title = { $feed } 的部分事件无法补回

## 设置

settings-syntax = 设置文件不是有效的 TOML（第 { $why }）。请更正；在此之前沿用原来的设置，也不会写入文件。
settings-newer = 设置文件由更新版本的 Feedbell 写入。请更新 Feedbell；文件保持原样。
settings-io = 设置文件 { $path } 无法使用：{ $why }。
settings-left-out = 已略过 { $name }：{ $why }
settings-wrong = 设置中的 { $field } 有误。{ $why }

field-wrong = 其中有误。
field-type-text = { $field } 应为带引号的文本，而不是 { $found }。
field-type-flag = { $field } 应为 true 或 false，而不是 { $found }。
field-type-number = { $field } 应为零或更大的整数，而不是 { $found }。
field-type-list = { $field } 应为 ["a", "b"] 这样的文本列表，而不是 { $found }。
field-type-table = { $field } 应为表，而不是 { $found }。
field-type-tables = { $field } 应为表的列表，而不是 { $found }。
field-type-secret = { $field } 应为文本，或含有 keyring 或 command 的表。
field-language = 请选择 auto、en 或 zh-CN。
field-theme = “{ $value }”应为 system、light 或 dark。
field-sound = “{ $value }”不是声音名称。请写“system”、“silent”，或“message-new-instant”这样的名称。
field-breakthrough = “{ $value }”应为 none、low、normal、high 或 urgent。
field-days = 请至少选择一天：mon、tue、wed、thu、fri、sat 或 sun。
field-clock = “{ $value }”不是时刻。请写成“22:00”。
field-clock-missing = 请输入时刻，例如 22:00。
field-shortcut = “{ $value }”不是组合键。请写成 Ctrl+Alt+B。
field-too-much = 数值太大，最大为 { $most }。
hint-unknown-key = Feedbell 不认识 { $field }。它会留在文件里，但不起作用。
hint-unknown-key-like = Feedbell 不认识 { $field }，它不起作用；是否想写“{ $like }”？
field-id-twice = id“{ $id }”用了两次。请为每个订阅源使用不同的 id。
field-url-missing = 请输入订阅源的地址。
field-url = “{ $value }”不是地址：{ $why }。
field-url-scheme = “{ $value }”应以 http:// 或 https:// 开头。
field-url-credentials = 请把用户名和密码填在访问方式中，不要写在地址里。
field-preset = 没有名为“{ $value }”的预设。可用的有 { $known }。
field-header = “{ $value }”不是请求头名称。
field-header-ours = 请求头 { $value } 由 Feedbell 设置。请删除它。
field-username-colon = 用户名不能包含冒号。
field-password-missing = 请输入密码。
field-resume = 请写“header”、“off”、{"{"} query = "since" {"}"} 或 {"{"} field = "time", query = "since" {"}"}。
field-resume-name = 请填写参数名；如果取自字段，也要填写字段名。
field-proxy = “{ $value }”不是代理地址。请写成 http://proxy.example:8080 或 socks5://127.0.0.1:1080，或者“none”。
field-proxy-credentials = 不支持带用户名和密码的代理。请换一个不需要登录的代理。
field-key-alone = 只有私钥还不够，还需要客户端证书。
field-pin = 证书指纹以 sha256: 开头，后跟 64 位十六进制数字。
field-query-name = 请填写参数名。
field-cookie-name = 请填写 Cookie 的名称，不能有空格或“=”。
field-then = “{ $value }”应为 notify、keep 或 drop。
field-listen = “{ $value }”应为地址加端口，例如 127.0.0.1:2355。
field-tls = “{ $value }”应为 off、on 或 required。
field-token-name = 请为令牌取一个名称，方便以后辨认。
field-token-rights = 请至少选择一项令牌可以做的事。
field-origin = “{ $value }”应为完整的来源，例如 http://localhost:3000。

rule-pattern = “{ $value }”不是有效的模式：{ $why }。
rule-condition = 条件无法编译：{ $why }。
rule-template = 模板无法编译：{ $why }。

secret-missing = 保存的密钥已不存在。请重新输入。
secret-command = 获取密钥的命令失败：{ $why }。
secret-store = 密钥文件无法使用：{ $why }。
secret-needed = 请输入密钥。

refused-form = 有些字段需要修改。
refused-unknown-message = 没有消息 { $id }，它可能已被删除。
refused-unknown-feed = 设置中已没有这个订阅源。
refused-no-inbox = 收件箱无法使用，因此无法保存任何内容。
refused-inbox = 收件箱无法写入：{ $why }。
refused-hub-off = 广播站未开启。请先开启再发送。
refused-token = 令牌未创建，请查看下面的字段。
refused-subscriber-gone = 这个订阅者已经离开，无法得知它是哪个用户。
refused-hub = 广播站未接受：{ $why }。
refused-empty = 请输入要发送的文本。
refused-link = 这条消息没有可打开的链接。
refused-stopping = Feedbell 正在退出。
refused-busy = 正在处理较多操作，请稍后再试。
refused-export = 未导出任何内容，因为无法写入 { $path }：{ $why }。请选择其他文件夹。
refused-command = 这个版本的 Feedbell 不认识命令“{ $command }”。

## 需要人处理的问题

trouble-inbox-damaged = 收件箱已损坏。原文件已移至 { $path }，并新建了一个收件箱。
trouble-inbox-newer = 收件箱由更新版本的 Feedbell 写入。请更新 Feedbell；收件箱保持原样，在此之前不会连接任何订阅源。
trouble-inbox-unavailable = 收件箱无法写入：{ $why }。恢复之前，新事件会留在各自的服务器上。
trouble-inbox-found-damaged = 收件箱已损坏。请重新启动 Feedbell：它会移走损坏的文件，并新建一个收件箱。
trouble-data = 文件夹 { $path } 无法使用：{ $why }。
trouble-running = Feedbell 已在使用这个收件箱运行。
trouble-feed = { $name }：{ $why }
trouble-notifications = 无法显示通知：{ $why }。消息会保存在收件箱中。

## 订阅源

feed-left-out = 该订阅源无法使用：{ $why }

## 订阅源检查

check-name = 已找到域名：{ $addresses }
check-connect = 主机接受连接
check-tls = 连接是安全的
check-answer = 服务器已响应
check-answer-redirected = 服务器已响应，重定向到 { $location }
check-content-type = 这是事件流（{ $type }）
check-first-byte = { $ms } 毫秒后收到首批数据
check-keep-alive = 服务器会保持连接
check-first-event = 收到第一个事件
check-access = 可以向该地址发送凭据
check-proxy = 经由代理 { $proxy }
check-resumed = 服务器会从连接中断处继续
check-no-ids = 事件没有 id：离线期间的内容无法补收
check-not-resumed = 请求从某个事件之后继续时，服务器没有发来下一个事件：没人收听时发出的内容会丢失

## 广播站

hub-port-taken = 端口 { NUMBER($port, useGrouping: "false") } 已被其他程序占用。请为广播站选择其他端口。
hub-bind = 广播站无法监听 { $address }：{ $why }。
hub-open = 广播站无法启动：{ $why }。
hub-in-use = 另一个广播站正在使用 { $path }。请先停止它，再重新开启广播站。
hub-newer = 广播站的记录 { $path } 由更新版本的 Feedbell 写入。请更新 Feedbell；记录保持原样。
hub-own-history = { $path } 中有其他节点没有的历史。请用 --import 启动一次，让它成为所有节点的历史，或用 --data 指定另一个文件夹。
hub-other-hub = { $path } 是另一个广播站的节点副本，不属于这个引擎上的广播站。请用 --data 指定别的文件夹，或换一个 --backplane-prefix。
hub-is-copy = { $path } 是使用背板的广播站的一个节点的副本。请加上 --backplane 启动，或用 --data 指定另一个文件夹。
hub-not-imported = 没有导入历史：{ $why }。
hub-damaged = 广播站的记录 { $path } 已损坏。请移走它，以便从空记录开始。
hub-tls = 广播站无法使用 HTTPS：{ $why }。
hub-token = 其他电脑还不能使用广播站：它需要令牌。请在广播站页面创建一个，或使用 feedbell token create。
hub-token-unusable = 设置中的令牌无法使用：令牌只能由字母、数字和符号组成，不能有空格。请修改设置文件中 [hub] 下的 token。

## 预设

preset-hub = Feedbell 广播站
preset-hub-about = 另一个 Feedbell 或本机：具名事件，可补发历史。
preset-likes = 点赞
preset-likes-about = 发给单个用户的站内信：点赞、收藏和通知。
preset-board = 留言板
preset-board-about = 先发送到目前为止的全部内容，然后逐条发送新内容。
preset-counter = 计数器
preset-counter-about = 每秒加一，用于试用。
preset-pause = 暂停
preset-pause-about = 以 pause 事件结束的测量数据，之后 Feedbell 不再连接。
preset-clock = 时钟
preset-clock-about = 每隔几秒报时，用于试用。
preset-ntfy = ntfy
preset-ntfy-about = ntfy.sh 或自建 ntfy 服务器的主题：补收错过的消息，更新会替换旧消息，标签显示为表情。
preset-mercure = Mercure
preset-mercure-about = Mercure 协议（草案 8 及以后）的更新：用“match”选择主题。
preset-mercure-classic = Mercure（经典）
preset-mercure-classic-about = 大多数 Mercure 服务器的更新：用“topic”选择主题。
preset-mastodon = Mastodon
preset-mastodon-about = 你的账号收到的喜欢、转嘟、提及和关注。需要具有 read:notifications 权限的令牌。
preset-home-assistant = Home Assistant
preset-home-assistant-about = 事件总线上的事件，例如自动化触发的“desktop_notify”。需要管理员的长期令牌。
preset-wikimedia = 维基媒体
preset-wikimedia-about = 所有维基的最近更改，只取少量样本，默认静音。
preset-json = JSON
preset-json-about = 任意 JSON：能识别标题、正文、链接等常见字段，其余逐项列出。
preset-text = 文本
preset-text-about = 纯文本：第一行作为标题。
preset-own = { $words }
preset-own-about = { $words }
preset-taken = id“{ $id }”已被占用，请换一个
preset-id = 需要由字母、数字、“-”和“_”组成的“id”
preset-large = 文件太大，不像是预设
trouble-presets = 已略过部分自定义预设：{ $files }。

event-announcement = 公告
event-reblog = 转嘟
event-left-out = 已略过

mastodon-mention = { $who }提到了你
mastodon-status = { $who }发布了嘟文
mastodon-reblog = { $who }转嘟了你的嘟文
mastodon-favourite = { $who }喜欢了你的嘟文
mastodon-follow = { $who }关注了你
mastodon-follow-request = { $who }请求关注你
mastodon-poll = { $who }的投票已结束
mastodon-update = { $who }编辑了嘟文
mastodon-quote = { $who }引用了你的嘟文
mastodon-quoted-update = { $who }编辑了你引用的嘟文
mastodon-admin-sign-up = { $who }注册了账号
mastodon-admin-report = { $who }提交了举报
mastodon-severed-relationships = 你的部分关注关系已被解除
mastodon-moderation-warning = 管理员向你发出了警告

left-out = 略过了 { $count } 个事件
left-out-about = 这个订阅源在 { $seconds } 秒内的消息超过 { $most } 条。用规则丢弃不需要的内容，就能给其余内容留出空间。
ledger-left-out = { $seconds } 秒内超过 { $most } 条消息，其余只计数
    .lead = 只计数

token-expired = 令牌已于 { $when } 过期。请输入新令牌，或用命令提供；否则服务器只会发送公开的更新。

try-feed = 试用
try-title = 小艾赞了《你好，Feedbell》
try-body = 这条消息来自本机的广播站。

## 合并显示：同类的多条消息算作一条

burst-like = { $count } 次点赞
burst-like-on = 《{ $what }》收到 { $count } 次点赞
burst-favorite = { $count } 次收藏
burst-favorite-on = 《{ $what }》被收藏 { $count } 次
burst-favourite = { burst-favorite }
burst-favourite-on = { burst-favorite-on }
burst-reblog = { burst-boost }
burst-reblog-on = { burst-boost-on }
burst-repost = { burst-boost }
burst-repost-on = { burst-boost-on }
burst-boost = { $count } 次转发
burst-boost-on = 《{ $what }》被转发 { $count } 次
burst-share = { $count } 次分享
burst-share-on = 《{ $what }》被分享 { $count } 次
burst-reaction = { $count } 个回应
burst-reaction-on = 《{ $what }》收到 { $count } 个回应
burst-follow = { $count } 位新关注者
burst-follow-on = 《{ $what }》新增 { $count } 位关注者
burst-vote = { $count } 票
burst-vote-on = 《{ $what }》获得 { $count } 票
burst-star = { $count } 颗星
burst-star-on = 《{ $what }》获得 { $count } 颗星
burst-change-on = 《{ $what }》有 { $count } 处更改

mastodon-burst-favourite = { $count } 人喜欢了你的嘟文
mastodon-burst-favourite-on = 《{ $what }》收到 { $count } 次喜欢
mastodon-burst-reblog = { $count } 人转嘟了你的嘟文
mastodon-burst-reblog-on = 《{ $what }》被转嘟 { $count } 次
mastodon-burst-quote = { $count } 人引用了你的嘟文
mastodon-burst-quote-on = 《{ $what }》被引用 { $count } 次
mastodon-burst-follow = { $count } 位新关注者
mastodon-burst-admin-sign-up = { $count } 人注册了账号

## 规则和表单

rule-pattern-empty = 有一个事件名为空。请删除它，或用“*”表示任意事件。
rule-burst-count = 合并标题可以显示和比较“count”，但不能用它计算。
rule-urgency = “{ $value }”不是紧急程度。请填写 low、normal、high、urgent 或模板。
rule-link = “{ $value }”不是链接。请以 http://、https:// 或 mailto: 开头，或填写模板。
rule-icon = “{ $value }”不是图标。请填写图标名、以 https:// 开头的地址或模板。
field-header-twice = 请求头 { $value } 出现了两次。请删除一个。
field-long = 内容太长，最多 { $most } 个字符。
field-most = 数字太大，最大为 { NUMBER($most, useGrouping: "false") }。
field-many = 数量太多，最多 { $most } 个。

## 测试

ledger-test = 这是你发送的测试。{ $why }
    .lead = 测试
test-body = 这条消息是为了试用此订阅源的规则而生成的。
refused-test-dropped = 这个订阅源的规则丢弃了测试事件，因此没有可显示的内容。{ $why }

## 订阅源的导出和导入

export-io = 无法写入 { $path }：{ $why }。
export-none = 没有可导出的订阅源。
import-large = 文件太大，不像是订阅源文件。
import-syntax = 这不是订阅源文件（第 { $why }）。请选择由 Feedbell 导出的文件。
import-newer = 此文件由更新版本的 Feedbell 写入。请先更新 Feedbell 再导入。
import-none = 此文件中没有订阅源。请选择由 Feedbell 导出的文件。
import-many = 此文件中的订阅源超过 { $most } 个。请拆分后再导入。
import-duplicate = { $name } 已存在，地址和规则都相同。
import-wrong = 已略过 { $name }。{ $why }
import-permissions = { $name } 原来有更多权限（使用网络图标、按钮可发送请求，或通过明文 http 发送密钥）。如有需要，请在其设置中重新允许。

## 清除

erase-file = 无法清除 { $path }：{ $why }。
