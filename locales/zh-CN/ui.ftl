# 窗口自身的文字。通知核心传来的文字在 core.ftl。

## 时间

ui-day-today = 今天
ui-day-yesterday = 昨天
ui-day-tomorrow = 明天
ui-day-at = { $day } { $time }
ui-ago-seconds = { $n } 秒前
ui-ago-minutes = { $n } 分钟前
ui-ago-hours = { $n } 小时前
ui-ago-days = { $n } 天前

## 侧栏

ui-rail-all = 全部
ui-rail-unread = 未读
ui-rail-pinned = 已固定
ui-rail-feeds = 订阅源
ui-rail-no-feeds = 还没有订阅源
ui-rail-hub = 广播站
ui-rail-settings = 设置
ui-rail-trying = 试用
ui-rail-trying-hint = 当前为试用：广播站和它的订阅源到退出为止，消息和设置会保留。
ui-look-live = 在线
ui-look-wait = 正在重新连接
ui-look-off = 未连接
ui-look-bad = 需要处理

## 操作

ui-action-open = 打开
ui-action-mark-read = 标为已读
ui-action-mark-unread = 标为未读
ui-action-mark-all = 全部标为已读
ui-action-pin = 固定
ui-action-unpin = 取消固定
ui-action-delete = 删除
ui-action-undo = 撤销
ui-action-copy = 复制
ui-action-close = 关闭
ui-action-back = 返回
ui-action-menu = 菜单
ui-action-cancel = 取消
ui-action-pause = 暂停
ui-action-resume = 恢复
ui-action-fix = 处理

## 顶栏

ui-search = 搜索消息
ui-status-live = 订阅源全部在线
ui-status-heard = { $ago }收到数据
ui-status-off = 订阅源均未连接
ui-status-bad = { $n } 个订阅源需要处理
ui-status-wait-one = { $name } 正在重新连接
ui-status-wait = { $n } 个订阅源正在重新连接
ui-status-paused = 通知已暂停
ui-status-paused-until = 已暂停至 { $time }
ui-pause-menu = 暂停多久
ui-pause-hour = 1 小时
ui-pause-until-note = 至 { $time }
ui-pause-tomorrow = 到明天
ui-pause-open = 直到我恢复
ui-strip-more = 另有 { $n } 项

## 消息列表

ui-filter-unread = 未读
ui-list-new = { $n } 条新消息
ui-row-unread = 未读
ui-row-comma = ，
ui-urgency-high = 高
ui-gap = { $from } 至 { $to } 之间的部分事件无法补回
ui-gap-before = { $to } 之前的部分事件无法补回
ui-gap-about = Feedbell 重新连接时，服务器已不再保留这些事件。此前和此后的消息是完整的。
ui-live-new = { $n } 条新消息

## 空列表

ui-empty-search = 没有与“{ $words }”匹配的消息
ui-empty-unread = 这里没有未读消息
ui-empty-unread-on = 已开启“未读”，读过的消息不显示。
ui-empty-clear = 清除筛选
ui-empty-all-read = 全部已读
ui-empty-pinned = 没有固定的消息
ui-empty-pinned-hint = 固定一条消息，以后就能在这里找到它。
ui-empty-messages = 还没有消息
ui-empty-messages-hint = 一有事件到达，就会显示在这里。

## 消息

ui-detail = 消息
ui-detail-none = 选择一条消息来阅读
ui-detail-keys = 移动，查看全部按键：
ui-detail-why = 为什么会看到它
ui-detail-raw = 原始事件
ui-detail-bytes = { $n } 字节

## 提示

ui-toast-deleted = 已删除 { $n } 条消息
ui-toast-copied = 已复制
ui-toast-copy-refused = 系统不允许复制。请选中文字后手动复制。
ui-toast-settings-saved = 设置已保存
ui-toast-feed-added = 已添加 { $name }
ui-toast-feed-deleted = 已删除 { $name }
ui-error-unexpected = 操作未成功：{ $detail }。请重试，或重新启动 Feedbell。

## 首次启动

ui-welcome-title = 为任何事件流响铃
ui-welcome-lead = 点赞、构建、开门。把 Feedbell 指向会推送事件的服务器，有你关心的事发生时它就会响铃。
ui-welcome-try = 马上试试
ui-welcome-try-about = 在本机启动一个广播站，并给你发送一个赞。无需联网。
ui-welcome-try-running = 本机的广播站正在运行，它会给你发送一个赞。无需联网。
ui-welcome-send-like = 给自己发一个赞
ui-welcome-add-about = 粘贴事件流的地址，或从预设开始。
ui-welcome-or = 或者从终端发送

## 设置

ui-settings-at-once = 修改立即生效
ui-settings-feeds = 订阅源
ui-settings-general = 通用
ui-settings-hub = 广播站
ui-settings-errors = 设置文件中有错误
ui-settings-file = 设置文件
ui-language = 语言
ui-language-auto = 跟随系统
ui-language-hint = 立即生效，包括通知。
ui-keep-days = 已读消息保留天数
ui-keep-days-hint = 已读消息在 { $n } 天后清除，未读和已固定的消息会保留。
ui-keep-for-ever = 0 表示一直保留。

## 订阅源编辑

ui-feed-add = 添加订阅源
ui-feed-save = 添加
ui-feed-edit = 编辑订阅源
ui-feed-delete = 删除订阅源
ui-feed-muted = 已静音
ui-feed-reconnect = 重新连接
ui-feed-url = 地址
ui-feed-url-hint = 事件流本身的地址，而不是展示它的网页。
ui-offer = 看起来是“{ $name }”。
ui-offer-muted = 看起来是“{ $name }”，其预设默认静音。
ui-offer-use = 使用该预设
ui-feed-name = 名称
ui-feed-name-hint = 显示在列表中的名称
ui-feed-preset = 预设
ui-feed-preset-none = 无
ui-feed-preset-hint = 预设了解某类服务器的事件。不选预设时，每个事件都会成为消息。
ui-feed-access = 访问方式
ui-access-none = 无
ui-access-bearer = 令牌
ui-access-basic = 用户名和密码
ui-access-query = 查询参数
ui-access-cookie = Cookie
ui-access-token = 令牌
ui-access-username = 用户名
ui-access-password = 密码
ui-access-query-name = 参数名
ui-access-query-value = 参数值
ui-access-cookie-name = Cookie 名称
ui-access-cookie-value = Cookie 值
ui-plain-http = 允许在此专用网络中使用 http
ui-plain-http-note = 令牌或密码将以明文传输，但绝不会这样发往公网地址。
ui-secret-stored = 已保存，输入可替换
ui-secret-hint = 保存在系统密钥环中，不会写入设置文件。
ui-secret-command-hint = 取该命令输出的第一行。
ui-secret-source = { $label }的来源
ui-secret-typed = 直接输入
ui-secret-command = 来自命令
ui-feed-enabled = 连接
ui-feed-enabled-note = 关闭后不接收任何事件。
ui-feed-mute = 静音
ui-feed-mute-note = 消息存入收件箱，不弹出通知。
ui-feed-mute-preset = 该预设的事件很频繁，因此默认静音。消息存入收件箱，不弹出通知。
ui-feed-history = 载入历史
ui-feed-history-note = 先静默载入服务器仍保留的内容。关闭时只接收今后的内容。
ui-feed-itself = 此订阅源
ui-feed-notifications = 通知与消息
ui-sound = 声音
ui-sound-system = 跟随系统
ui-sound-silent = 无
ui-sound-named = 桌面提示音
ui-sound-name = 提示音名称
ui-sound-name-hint = 桌面声音主题中的名称。
ui-hide-content = 隐藏内容
ui-hide-content-note = 通知只提示有新消息。
ui-hide-content-general = 通用设置已隐藏所有订阅源的内容。
ui-remote-icons = 从网络加载图标
ui-remote-icons-note = 提供图标的服务器会知道消息何时到达，以及你的地址。
ui-http-actions = 允许按钮发送请求
ui-http-actions-note = 消息中的按钮可以按消息指定的方式，向任意公网服务器发送请求。请只为信任的订阅源开启。
ui-feed-keep = 保留已读消息
ui-feed-keep-hint = 未读和固定的消息会一直保留。
ui-feed-keep-general = 按通用设置，{ $n } 天
ui-feed-keep-general-ever = 按通用设置，永久
ui-feed-keep-days = 指定天数
ui-feed-keep-ever = 永久
ui-feed-keep-number = 天数
ui-saved-now = 刚刚保存
# ago: 3 min ago
ui-saved-ago = { $ago }保存
ui-draft-restored = 已恢复上次未完成的内容。
ui-draft-over = 重新开始
ui-toast-draft-kept = 未完成的内容会保留，回来可继续
ui-toast-draft-discarded = 已放弃新订阅源
ui-optional = 可不填
ui-rules = 规则
ui-rules-note = 以第一条匹配的为准
ui-rules-none = 没有规则：每个事件都会通知。
ui-rules-none-preset = 没有自己的规则：使用预设的规则。
ui-rule-add = 添加规则
ui-rule-every = 所有事件
ui-rule-up = 上移 { $name }
ui-rule-down = 下移 { $name }
ui-rule-remove = 移除 { $name }
ui-rule-name = 名称
ui-rule-events = 当事件为
ui-rule-events-all = like, user-*
ui-rule-when = 并且满足
ui-rule-then = 则
ui-verdict-notify = 通知
ui-verdict-keep = 保存
ui-verdict-drop = 丢弃
ui-verdict-notify-about = 存入收件箱并弹出通知。
ui-verdict-keep-about = 静默存入收件箱。
ui-verdict-drop-about = 不留痕迹。
ui-rule-title = 标题
ui-rule-body = 正文
ui-rule-link = 链接
ui-rule-icon = 图标
ui-rule-icon-hint = 图标名称
ui-rule-urgency = 紧急程度
ui-rule-urgency-hint = low、normal、high 或 urgent
ui-rule-group = 分组
ui-rule-group-hint = 同组且时间相近的消息合并为一条
ui-rule-key = 键
ui-rule-key-hint = 键相同即为同一条消息
ui-rule-empty-hint = 留空的字段使用默认值。
ui-rule-drag = 拖动以调整位置，或按 Alt 和方向键
# For screen readers.
ui-rule-moved = { $name }现在是第 { $place } 条规则，共 { $all } 条
ui-rule-takes = 匹配所选事件
ui-rule-more = 更多
ui-rule-event-add = 添加
ui-rule-event-remove = 移除 { $name }
ui-rule-event-seen = 添加最近收到的 { $name }
ui-toast-rule-removed = 规则已删除
ui-rule-actor = 操作者
ui-rule-actor-hint = 谁做的，用于合并显示
ui-rule-burst = 合并后的标题
ui-rule-burst-hint = 数量为 count。留空则显示新消息的数量
ui-rule-link-hint = 点按后打开：http、https 或 mailto
ui-headers = 请求头
ui-headers-none = 除 Feedbell 自带的之外没有其他请求头。
ui-header-add = 添加请求头
ui-header-name = 名称
ui-header-value = 值
ui-header-remove = 移除请求头
ui-advanced = 高级
ui-advanced-about = 静默时间、续传、查询、代理、证书
ui-watchdog = 无数据多少秒后重新连接
ui-watchdog-learned = 自动
ui-watchdog-hint = 留空则根据服务器的保活信号自动判断。
ui-stop-on = 收到这些事件后停止
ui-stop-on-hint = 之后该订阅源不再连接，直到你重新连接。
ui-resume = 断线续传
ui-resume-preset = 按预设
ui-resume-preset-none = 没有预设时使用 Last-Event-ID 请求头。
ui-resume-header = Last-Event-ID 请求头
ui-resume-query = 事件 ID 作为查询参数
ui-resume-field = 数据字段作为查询参数
ui-resume-off = 不续传
ui-data-field = 数据字段
ui-parameter = 参数名
ui-delivery = 接收方式
ui-delivery-stream = 保持连接
ui-delivery-poll = 定时查询
ui-poll-seconds = 查询间隔（秒）
ui-proxy = 代理
ui-proxy-system = 跟随系统
ui-proxy-none = 不使用
ui-proxy-address = 指定地址
ui-proxy-at = 代理地址
ui-authority = 额外信任的证书颁发机构
ui-authority-hint = PEM 文件。留空则只信任系统中的机构。
ui-pin = 只信任这张证书
ui-pin-hint = 填写证书指纹，局域网中的广播站会显示它。留空则由颁发机构认证。
ui-certificate = 客户端证书
ui-certificate-hint = PEM 文件。
ui-certificate-key = 证书的私钥
ui-certificate-key-hint = PEM 文件。留空表示在证书文件中。

## 字段映射

ui-arrivals-time = 时间
ui-arrivals-event = 事件
# ago: 3 s ago
ui-arrivals-live = 在线，{ $ago }收到数据
ui-arrivals-listening = 正在接收
ui-arrivals-idle = 检查已结束
ui-arrivals-newer = { $n } 个新事件
ui-arrivals-none = 还没有收到事件。下一个事件会显示在这里。
ui-arrivals-dropped = 有规则丢弃此事件
ui-fields = 此事件的字段
ui-fields-note = 选择每个字段的用途
ui-fields-keys = 选择每个字段的用途：点按字段，或按 1 到 7，按 0 清除
ui-fields-all = 显示全部 { $n } 个字段
ui-role-choose = 选择
ui-role-title = 标题
ui-role-body = 正文
ui-role-link = 链接
ui-role-icon = 图标
ui-role-urgency = 紧急程度
ui-role-group = 分组
ui-role-key = 键
ui-role-none = 未使用
ui-role-usual = 默认用途，直到有规则另行指定
# For screen readers: a field, its value and what it becomes.
ui-role-of = { $field }，{ $value }：{ $role }
ui-words-comma = 、
ui-preview = 预览
ui-preview-last = 最近的真实事件
# time: 14:36:02
ui-preview-of = { $time } 的事件
ui-preview-none = 收到事件后，这里会显示通知的样子。
ui-preview-refused = 这是出现下面的错误之前的样子。
ui-preview-muted = 静默进入收件箱：订阅源已静音。
ui-preview-many = 合并显示时
ui-preview-others = { $name }和另外 { $n } 人
ui-urgent-high = 高紧急程度
ui-urgent-urgent = 紧急
ui-send-test = 发送测试
ui-send-test-about = 走完整个流程：规则、收件箱、免打扰时段和真实的通知。
ui-send-test-add = 请先添加订阅源，然后测试可以走完整个流程。
ui-send-test-waiting = 正在经过规则、收件箱和免打扰时段
ui-send-test-nothing = 没有进入收件箱：可能被规则丢弃。请查看上面的规则。
ui-send-test-there = 已走完整个流程。
# why: Kept silently, quiet hours
ui-send-test-silent = 已走完整个流程，没有通知：{ $why }。
ui-send-test-open = 打开消息
ui-presets = 预设
ui-presets-browse = 浏览预设
ui-presets-search = 搜索预设
ui-presets-none = 没有预设匹配“{ $words }”。请选择“无”，自行设置事件。
ui-presets-muted = 默认静音
ui-presets-used = 使用中

## 订阅源测试

ui-test = 测试
ui-test-again = 重新测试
ui-test-stop = 停止
ui-test-title = 连接检查
ui-test-about = 用这里的设置连接一次，逐步显示结果，然后显示到达的事件以及它们会变成什么。不保存任何内容。
ui-test-passed = 通过
ui-test-failed = 未通过
ui-test-noted = 提示
ui-test-waiting = 等待中
ui-test-waiting-second = 等待第二个事件
ui-test-ahead = 未进行
ui-test-unreached = 未进行
ui-test-progress = { $done }/{ $all } 步，{ $time }
ui-test-since = 从检查开始算起
ui-test-ms = { $n } 毫秒
ui-test-s = { $n } 秒
ui-test-add-token = 填写令牌
ui-test-retry = 重试
ui-test-copy = 复制报告
ui-test-copy-note = 不含令牌和 Cookie。
ui-test-steps = 显示步骤
ui-test-steps-hide = 隐藏步骤
ui-test-report = Feedbell { $version } 连接检查
ui-step-access = 访问方式
ui-step-name = 查找服务器
ui-step-connect = 连接
ui-step-tls = 加密
ui-step-proxy = 代理
ui-step-answer = 应答
ui-step-content_type = 事件流
ui-step-first_byte = 首个字节
ui-step-keep_alive = 保活信号
ui-step-first_event = 首个事件
ui-step-resume = 断线续传
ui-test-events = 到达的事件
ui-test-verdict-notify = 通知
ui-test-verdict-keep = 仅收件箱
ui-test-verdict-drop = 已丢弃

## 广播站

ui-hub-sub = 向身边的人发送事件
ui-hub-off = 关闭
ui-hub-local = 本机
ui-hub-lan = 局域网
ui-hub-starting = 正在启动
ui-hub-failed = 未能启动
ui-hub-listening = { $n } 个订阅者
# days: how long events are kept at the most.
ui-hub-kept = 已保存 { $n } 个事件，最多保留 { $days } 天
ui-hub-where = 本机上的程序使用
ui-hub-where-lan = 局域网中的人打开
ui-hub-where-nowhere = 当前没有网络，暂时只有本机上的程序可以使用
ui-hub-no-network = 请将这台电脑接入网络，届时这里会显示供他人使用的地址。
ui-hub-also = 如果该地址没有应答，这台电脑还有其他地址：
ui-hub-fingerprint = 也可通过 https 访问，证书指纹：
ui-hub-plain = 未加密：同一网络中的人可能看到内容。
ui-hub-plain-fix = 使用 https
ui-hub-local-note = 其他电脑无法访问，因此不需要令牌。
ui-hub-sent = 已发送
ui-hub-anywhere = 从任何地方发送
ui-hub-page = 在网页中接收
ui-hub-page-hint = 来自其他地址的网页，需要先允许其来源才能接收：
ui-hub-now = 当前订阅者
ui-hub-places = { $n } / { $max }
ui-hub-places-full = { $n } / { $max }，名额已满
ui-hub-nobody = 当前没有订阅者。可以在网页中使用上面的代码，或在另一台电脑上把这个广播站添加为订阅源。
ui-hub-user = 用户
ui-hub-device = 设备
ui-hub-from = 地址
ui-hub-since = 开始时间
# For who listens without a name.
ui-hub-anyone = 未署名
ui-hub-no-device = 未知
ui-hub-here = 本机
ui-hub-on-topics = 主题：{ $topics }
ui-hub-with-token = 令牌：{ $name }
ui-hub-disconnect = 断开
ui-hub-disconnect-ban = 断开并不再接纳
ui-hub-more = { $name } 的更多操作
ui-hub-all = 显示全部 { $n } 个
ui-hub-bans = 不再接纳
ui-hub-unban = 重新接纳
ui-hub-is-off = 广播站已关闭
ui-hub-is-off-about = 开启后，本机上的脚本和网页可以收发事件。任何内容都不会离开本机。
ui-hub-start = 启动广播站
ui-hub-starting-now = 广播站正在启动
ui-hub-starting-about = 正在等待令牌。如果系统要求解锁密钥环，请先解锁。
ui-hub-failed-about = 广播站运行之前，无法通过它收发事件。您的订阅源不受影响。
ui-hub-again = 重试
ui-hub-change-address = 更改地址
ui-hub-on = 运行广播站
ui-hub-note = 本机上的程序可以向它发送事件。
ui-hub-address = 监听地址
ui-hub-address-hint = 127.0.0.1 只供本机使用，0.0.0.0 向局域网开放。
ui-hub-origins = 可以使用它的网页
ui-hub-origins-hint = 每行一个来源，与浏览器中完全一致。程序无需填写。
ui-hub-tls = 加密
ui-hub-tls-hint = 广播站会生成自己的证书。使用它的程序应固定广播站页面上显示的指纹。
ui-hub-tls-off = http
ui-hub-tls-on = http 和 https
ui-hub-tls-required = 仅 https
ui-hub-show = 查看广播站
ui-send = 发送
ui-send-event = 事件
ui-send-to = 接收者
ui-send-everyone = 所有人
ui-send-users = 当前订阅者
ui-send-topics = 主题
ui-send-user = 其他用户…
ui-send-topic = 其他主题…
ui-send-user-name = 用户名称
ui-send-topic-name = 主题名称
ui-send-text = 文字
ui-send-text-hint = 咖啡好了
ui-send-reaches = { $n ->
    [0] 当前没有订阅者，会先保存下来。
   *[other] 将送达 { $n } 人
}
ui-send-reaches-later = 对方当前不在线，会先保存下来。
ui-send-now = 发送

## 令牌

ui-tokens = 令牌
ui-tokens-none = 还没有令牌。其他电脑需要令牌才能访问。
ui-tokens-none-local = 本机不需要令牌。其他电脑需要令牌才能访问。
ui-token-new = 新建令牌
ui-token-new-about = 为每个程序或每个人单独创建，方便以后单独撤销。
ui-token-first = 还差一步：令牌
ui-token-first-about = 从其他电脑访问广播站需要出示令牌。在创建令牌之前，广播站只供本机使用。
ui-token-first-name = 家人
ui-token-name = 名称
ui-token-rights = 允许
ui-token-right-read = 接收
ui-token-right-write = 发送
ui-token-right-admin = 管理
ui-token-uids = 仅限这些用户
ui-token-topics = 仅限这些主题
ui-token-any = 不限
ui-token-create = 创建令牌
ui-token-stay-local = 仍只供本机使用
ui-token-made = 令牌“{ $name }”已创建
ui-token-made-about = 请立即复制：令牌只显示这一次。
ui-token-done = 完成
ui-token-may-r = 接收
ui-token-may-w = 发送
ui-token-may-a = 管理
ui-token-may-rw = 接收、发送
ui-token-may-ra = 接收、管理
ui-token-may-wa = 发送、管理
ui-token-may-rwa = 接收、发送、管理
ui-token-may-none = 无
# may: what it may do. who: users and topics.
ui-token-only = { $may } · 仅限 { $who }
# ago: 3 s ago
ui-token-used = { $ago }使用过
ui-token-unused = 尚未使用
ui-token-revoke = 撤销
ui-token-revoke-ask = 要撤销“{ $name }”吗？使用它的程序会立即断开，且无法恢复。

## 按键

ui-key-help = 按键
ui-key-move = 下一条、上一条消息
ui-key-open = 打开消息
ui-key-read = 标为已读
ui-key-unread = 标为未读
ui-key-pin = 固定或取消固定
ui-key-delete = 删除
ui-key-undo = 撤销
ui-key-search = 搜索
ui-key-all = 转到全部
ui-key-go-unread = 转到未读
ui-key-hub = 转到广播站
ui-key-pause = 暂停或恢复
ui-key-back = 返回
