# 窗口自身的文字。通知核心传来的文字在 core.ftl。

## 时间

ui-day-today = 今天
ui-day-yesterday = 昨天
ui-day-tomorrow-at = 明天 { $time }
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
ui-action-mark-all-done = 全部标为已处理
ui-action-done = 已处理
ui-action-not-done = 移回收件箱
ui-action-export-json = 导出为 JSON
ui-action-export-csv = 导出为 CSV
ui-action-show-in-folder = 在文件夹中显示
ui-action-copy-text = 复制文字
ui-action-copy-raw = 复制原始事件
ui-action-copy-link = 复制链接
ui-action-ok = 知道了
ui-action-change = 更改
# host：消息要求请求的服务器。
ui-action-http-ask = 要向 { $host } 发送请求吗？
ui-action-http-send = 发送请求
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
ui-status-hours = 免打扰时段，至 { $time }
ui-status-system = 系统已开启勿扰
ui-pause-menu = 暂停多久
ui-pause-hour = 1 小时
ui-pause-until-note = 至 { $time }
ui-pause-tomorrow = 到明天
ui-pause-open = 直到我恢复
ui-strip-more = 另有 { $n } 项
ui-strip-hours = 免打扰时段，至 { $time }。消息会静默保存。
ui-strip-system = 系统已开启勿扰。消息会静默保存。
ui-no-tray = 此桌面没有托盘。关闭窗口会将其最小化。
ui-newcomer = 关闭窗口后，Feedbell 仍在托盘中运行。
ui-mute-hour = 静音 1 小时
ui-mute-tomorrow = 静音到明天
ui-mute-for-good = 一直静音
ui-mute-off = 取消静音
ui-feed-menu = { $name } 的更多操作
ui-feed-muted-until = 已静音至 { $time }
ui-feed-reconnect-now = 立即重新连接
ui-feed-test = 发送测试

## 消息列表

ui-filter-unread = 未读
ui-filter-done = 已处理
ui-filter-show-done = 显示已处理的消息
ui-filter-feed = 订阅源
ui-filter-feeds = { $n } 个订阅源
ui-filter-event = 事件
ui-filter-events = { $n } 个事件
ui-filter-urgency = 紧急程度
ui-filter-urgency-low = 全部
ui-filter-urgency-normal = 普通及以上
ui-filter-urgency-high = 高及以上
ui-filter-urgency-urgent = 紧急
ui-filter-is = { $what }：{ $which }
ui-filter-clear = 清除“{ $what }”
ui-list-menu = 此列表的更多操作
ui-list-found = { $n } 条消息
ui-list-found-more = 超过 { $n } 条消息
ui-list-new = { $n } 条新消息
ui-row-unread = 未读
ui-row-comma = ，
ui-urgency-high = 高
ui-urgency-urgent = 紧急
# names：周屿、林薇。n：另外的人数。
ui-row-actors = { $names }和另外 { $n } 人
ui-row-names-comma = 、
ui-gap = { $from } 至 { $to } 之间的部分事件无法补回
ui-gap-before = { $to } 之前的部分事件无法补回
ui-gap-about = Feedbell 重新连接时，服务器已不再保留这些事件。此前和此后的消息是完整的。
ui-live-new = { $n } 条新消息

## 空列表

ui-empty-search = 没有与“{ $words }”匹配的消息
ui-empty-unread = 这里没有未读消息
ui-empty-unread-on = 已开启“未读”，读过的消息不显示。
ui-empty-filtered = 没有符合筛选条件的消息
ui-empty-done = 还没有已处理的消息
ui-empty-feeds-on = 只显示 { $names } 的消息。
ui-empty-events-on = 只显示名为 { $names } 的事件。
ui-empty-urgency-on = 不够紧急的消息不显示。
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
ui-detail-menu = 此消息的更多操作
ui-detail-actions = 此消息提供的操作
ui-burst-all = 这一组的全部消息
ui-burst-back = 返回这一组
ui-burst-more = 显示更早的 { $n } 条
ui-detail-raw = 原始事件
ui-detail-bytes = { $n } 字节

## 提示

ui-toast-deleted = 已删除 { $n } 条消息
ui-toast-done = { $n } 条消息已处理
ui-toast-not-done = { $n } 条消息已移回收件箱
ui-toast-all-read = 已将 { $n } 条消息标为已读
ui-toast-all-done = { $n } 条消息已处理
ui-toast-all-read-none = 这里的消息均已读。
ui-toast-all-done-none = 这里没有待处理的消息。
# name：文件名。
ui-toast-exported = 已将 { $n } 条消息导出到 { $name }
# what：被撤销操作的提示。
ui-toast-undone = 已撤销：{ $what }
ui-toast-paused = 通知已暂停
ui-toast-resumed = 通知已恢复
ui-toast-muted = { $name } 已静音
ui-toast-muted-until = { $name } 已静音至 { $time }
ui-toast-unmuted = { $name } 已取消静音
ui-toast-reconnecting = { $name } 正在重新连接
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
ui-welcome-add-about = 粘贴地址即可。Feedbell 能识别 ntfy、Mercure、Mastodon 等。
ui-welcome-import = 导入
ui-welcome-import-about = 从文件导入订阅源，也可以把文件拖到这里。文件中没有令牌和密码，请在导入后补上。
ui-welcome-import-choose = 选择文件
ui-welcome-autostart = 登录时启动 Feedbell
ui-welcome-autostart-note = 它留在托盘中，不会打开窗口。
ui-welcome-hello = 来自终端的问候
ui-import-too-large = { $name } 太大，不像是订阅源文件。请选择由 Feedbell 导出的文件。
ui-import-came = 已导入 { $n } 个订阅源
ui-import-nothing = 没有导入订阅源
ui-import-secrets = 以下订阅源在补上令牌或密码之前不会连接：{ $names }
ui-import-enter = 为 { $name } 补上
ui-welcome-or = 或者自己发送一个事件

## 设置

ui-settings-at-once = 修改立即生效
ui-settings-feeds = 订阅源
ui-settings-notifications = 通知
ui-settings-quiet = 免打扰
ui-settings-inbox = 收件箱
ui-settings-hub = 广播站
ui-settings-appearance = 外观
ui-settings-system = 系统
ui-settings-advanced = 高级
ui-settings-errors = 设置文件中有错误

## 设置：订阅源

ui-settings-no-feeds = 还没有订阅源。可以输入地址来添加，也可以导入列表。
ui-settings-more-feeds = 更多订阅源
ui-feed-connect = 连接 { $name }
ui-feed-mute-now = 静音
ui-feed-unmute = 取消静音
ui-presets = 预设
ui-presets-note = Feedbell 了解 { $n } 类服务器及其事件的含义。
ui-presets-show = 查看预设
ui-import = 导入订阅源
ui-import-note = 使用在本机或其他电脑上由 Feedbell 导出的列表。
ui-import-do = 导入
ui-import-choose = 选择文件
ui-import-drop = 或拖到这里
ui-import-paste = 或将列表粘贴到这里
ui-import-too-long = { $name } 太大，不像订阅源列表。请选择由 Feedbell 导出的文件。
ui-imported-came = 已导入 { $n } 个订阅源：
ui-imported-nothing = 没有导入任何订阅源。
ui-imported-secrets = 列表中不含令牌和密码。以下订阅源需要补填，在此之前不会连接：
ui-imported-enter = 填写
ui-import-left-out = 未导入：
ui-export-feeds = 导出订阅源
ui-export-feeds-note = 将列表写入“下载”文件夹，不含令牌和密码。
ui-export-do = 导出
ui-toast-exported-feeds = 已将 { $n } 个订阅源导出到 { $path }
ui-toast-imported = 已导入 { $n } 个订阅源

## 设置：通知

ui-sound = 声音
ui-sound-note = 用于没有单独设置声音的订阅源，需要桌面支持播放声音。
ui-sound-system = 跟随桌面
ui-sound-silent = 无
ui-sound-message-new-instant = 消息
ui-sound-bell = 铃声
ui-sound-complete = 完成
ui-sound-dialog-information = 提示
ui-sound-dialog-warning = 警告
ui-sound-alarm-clock-elapsed = 闹钟
ui-sound-phone-incoming-call = 电话
ui-hide-content = 隐藏内容
ui-hide-content-note = 通知只说明有新消息，适合共享屏幕时使用。
ui-test-notification = 发送测试
ui-test-note = 经过订阅源的规则和收件箱，最后弹出真实的通知。
ui-test-quiet = 现在处于免打扰状态，测试消息会静默存入收件箱。
ui-test-muted = 该订阅源已静音，测试消息会静默存入收件箱。
ui-test-no-feed = 测试需要经过订阅源的规则，请先添加订阅源。
ui-test-send = 发送测试
ui-toast-test-sent = 测试已发送，收件箱中也能看到。
ui-per-feed = 各订阅源单独设置
ui-per-feed-about = 声音、隐藏内容、来自其他服务器的图标，以及会发出请求的按钮，都在各订阅源中设置。图标和请求在你允许之前保持关闭。

## 设置：免打扰

ui-quiet-off = 通知已开启
ui-quiet-kept = 静默的消息始终保存在收件箱中。
# Between two sentences.
ui-quiet-join = { "" }
ui-quiet-starts-tonight = 免打扰时段今晚 { $time } 开始。
ui-quiet-starts-today = 免打扰时段 { $time } 开始。
# time: 22:00, or with its day: tomorrow at 22:00.
ui-quiet-starts = 免打扰时段{ $time } 开始。
ui-quiet-now = 免打扰至 { $time }
ui-quiet-paused-until = 已暂停至 { $time }
ui-quiet-system = 系统的勿扰模式已开启
ui-pause-for-off = 关闭
ui-pause-for-hour = 1 小时
ui-pause-for-tomorrow = 到明天
ui-pause-for-open = 直到我恢复
ui-pause-note = 订阅源保持连接。
ui-quiet-hours = 免打扰时段
ui-quiet-hours-none = 没有免打扰时段。可以添加，或打开开关在每晚启用。
ui-quiet-hint = 拖动边缘，或选中色块后使用方向键：左右键移动边缘，上下键切换日期。按住 Shift 每次移动 5 分钟。
ui-quiet-until = 至 { $time }
ui-quiet-from-until = { $from } 至 { $until }
ui-quiet-edge-start = 免打扰开始
ui-quiet-edge-end = 免打扰结束
ui-quiet-edge-at = { $day } { $time }
# Between two times.
ui-quiet-to = 至
ui-quiet-next-day = 次日
ui-quiet-every-day = 应用到每天
ui-quiet-remove = 移除
ui-quiet-add = 添加
ui-quiet-days = 在哪几天开始
ui-quiet-no-day = 请选择日期。
ui-breakthrough = 哪些仍会提醒
ui-breakthrough-lowest = 仍会响铃的最低紧急程度
ui-breakthrough-note = 在暂停和免打扰时段内有效。
ui-breakthrough-none = 无
ui-breakthrough-high = 高
ui-breakthrough-urgent = 紧急
ui-follow-system = 跟随系统的勿扰模式
ui-follow-system-note = 系统勿扰时，Feedbell 也保持安静。
ui-muted-feeds = 已静音的订阅源
ui-muted-none = 无。可以在订阅源的菜单中将其静音。
ui-muted-until = 静音至 { $time }
ui-muted-for-good = 静音，直到你取消

## 设置：收件箱

ui-retention = 消息保留多久
ui-retention-own = 订阅源可以有自己的保留天数，请在“订阅源”中打开它进行设置。
ui-keep-days = 已读消息保留天数
ui-keep-days-hint = 已读消息在 { $n } 天后清除，未读和已固定的消息会保留。
ui-keep-for-ever = 0 表示一直保留。
ui-kept-for-ever = 它的消息一直保留。
ui-kept-days = 它的已读消息在 { $n } 天后清除。
ui-messages = 消息
ui-export-messages = 导出消息
ui-export-messages-note = 将收件箱写入“下载”文件夹中的文件，不含已处理的消息。
ui-erase-messages = 清除所有消息
ui-erase-messages-note = 永久清除已读、未读和已固定的消息。
ui-erase-do = 清除…
ui-erase-messages-ask = 所有消息都会清除，包括未读和已固定的消息。订阅源会从当前位置继续。此操作无法撤销。
ui-erase-messages-yes = 清除所有消息
ui-toast-erased-messages = 已清除所有消息

## 设置：外观

ui-theme = 主题
ui-theme-system = 跟随系统
ui-theme-light = 浅色
ui-theme-dark = 深色
ui-language = 语言
ui-language-auto = 跟随系统
ui-language-hint = 立即生效，包括通知。
ui-tray-count = 在托盘图标上显示数字
ui-tray-count-note = 显示未读消息的数量。关闭时图标上只显示圆点。

## 设置：系统

ui-autostart = 登录时启动
ui-autostart-note = 启动后位于托盘，不打开窗口。
ui-shortcut = 显示窗口的快捷键
ui-shortcut-note = 使用其他程序时也有效。
ui-shortcut-none = 无
ui-shortcut-press = 请按下按键…
ui-shortcut-clear = 不使用快捷键
ui-shortcut-bare = 单独使用 { $keys } 会影响所有程序，请与 Ctrl、Alt 或 Super 同时按下。
ui-shortcut-unknown = 无法使用该按键，请换一个。
ui-window-minutes = 关闭窗口后保留的分钟数
ui-window-minutes-note = 在此期间窗口可以立即恢复，之后释放内存。
ui-window-minutes-none = 0 表示关闭时立即释放内存。
ui-tray = 托盘图标
ui-tray-shown = 关闭窗口后，Feedbell 仍在托盘中。
ui-tray-missing = 当前桌面不显示托盘图标，关闭窗口时会改为最小化。
ui-tray-yes = 已显示
ui-tray-no = 未显示
ui-network = 网络
ui-proxy-note = 用于没有单独设置代理的订阅源。
ui-proxy-at-note = 以 http://、https:// 或 socks5:// 开头。
ui-updates = 更新
ui-updates-about = Feedbell 只连接你的订阅源，不会自行检查更新。请从获取当前版本的渠道更新：软件包管理器或发布页面。

## 设置：高级

ui-help = 排查问题
ui-diagnostics = 诊断信息
ui-diagnostics-note = 版本、系统、订阅源和最近的日志，不含密钥和消息内容。
ui-diagnostics-show = 显示
ui-logs = 日志文件夹
ui-data-folder = 数据文件夹
ui-folder-open = 打开文件夹
ui-settings-file = 设置文件
ui-export = 导出
ui-export-note = 带走订阅源和消息。
ui-start-over = 重新开始
ui-reset = 重置设置
ui-reset-note = 将这些页面中的设置恢复为初始状态。订阅源和消息会保留。
ui-reset-do = 重置设置
ui-reset-ask = 通知、免打扰时段、外观、广播站等设置会恢复为初始状态。订阅源和消息会保留。旧的设置文件会留在新文件旁边。
ui-toast-reset = 设置已恢复为初始状态
ui-erase-everything = 清除所有数据
ui-erase-everything-note = 让 Feedbell 恢复到初次使用的状态。
ui-erase-everything-ask = 以下内容将永久清除：
ui-erase-goes-messages = 所有消息，包括未读和已固定的消息
ui-erase-goes-feeds = 所有订阅源及其规则，以及所有设置
ui-erase-goes-secrets = 密钥环中的令牌和密码
ui-erase-goes-hub = 广播站的事件和令牌，使用它们的程序会断开
ui-erase-goes-files = 自己的预设、已保存的图标和日志
ui-erase-everything-stays = 已导出的文件会保留。此操作无法撤销。
ui-erase-everything-yes = 清除所有数据
ui-toast-erased-everything = 已清除所有数据
ui-about = 关于
ui-about-licence = 自由软件，可选择按 MIT 许可证或 Apache 许可证 2.0 使用。其中的各个库遵循各自的许可证。

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
ui-sound-named = 桌面提示音
ui-sound-name = 提示音名称
ui-sound-name-hint = 桌面声音主题中的名称。
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
ui-hub-fingerprint-only = 连接已加密，证书指纹：
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

## 命令

ui-palette = 命令
ui-palette-hint = 想做什么？
ui-palette-none = 没有与“{ $words }”匹配的命令。请试试更少的字。
ui-command-go = 前往：{ $name }
# span：ui-pause 中的一项，如“1 小时”。
ui-command-pause = 暂停通知：{ $span }
ui-command-resume = 恢复通知
ui-command-settings = 设置：{ $name }
ui-command-theme-system = 外观跟随系统
ui-command-theme-light = 浅色外观
ui-command-theme-dark = 深色外观
ui-command-language = Language / 语言：{ $name }
ui-command-test = 通过 { $name } 发送测试
ui-command-edit = 编辑 { $name }
ui-command-mute-hour = 将 { $name } 静音 1 小时
ui-command-mute = 将 { $name } 一直静音
ui-command-unmute = 取消 { $name } 的静音
ui-command-reconnect = 立即重新连接 { $name }

## 按键

ui-key-help = 按键
ui-key-move = 下一条、上一条消息
ui-key-ends = 最新、最早的消息
ui-key-open = 打开消息
ui-key-link = 打开它的链接
ui-key-done = 标为已处理，或移回
ui-key-unread = 标为已读或未读
ui-key-pin = 固定或取消固定
ui-key-delete = 删除
ui-key-undo = 撤销
ui-key-search = 搜索
ui-key-palette = 命令
ui-key-all = 转到全部
ui-key-go-unread = 转到未读
ui-key-hub = 转到广播站
ui-key-pause = 暂停或恢复
ui-key-menu = 打开所选订阅源的菜单
ui-key-back = 返回
