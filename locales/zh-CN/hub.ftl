# 广播站自己的网页，位于其地址。应用内关于广播站的页面在 ui.ftl。

## 顶栏

page-title = Feedbell 广播站
page-hub = 广播站
page-state-connecting = 正在连接…
page-state-live = 在线
page-state-waiting = { $n } 秒后重新连接
page-state-again = 正在重新连接…
page-state-polling = 每 { $n } 秒查询一次
page-state-token = 需要令牌
page-state-refused = 被拒绝
page-state-gone = 已被请离
page-try-now = 立即重试
page-language = 语言
page-view = 显示
page-forget = 忘记令牌
page-forget-hint = 此浏览器的所有标签页都会忘记它。

## 故障

page-waiting-lost = 与广播站的连接已断开。期间发生的事件会在恢复后送达。
page-waiting-why = 广播站的答复：{ $why }
page-polling-about = 事件流无法通过，本页改为每 { $n } 秒查询一次。通常是中间的代理拦住了事件流。
page-refused-why = 广播站拒绝了请求：{ $why }
page-gone-about = 广播站不再允许本页接收事件。

## 令牌

page-token = 令牌
page-token-asked = 此广播站需要令牌
page-token-wrong = 广播站不认识这个令牌。
page-token-about = 令牌只保留到此浏览器的相关标签页关闭为止，绝不会出现在地址中。
page-token-use = 使用令牌

## 事件

page-events = 事件
page-listening-as = 接收对象
page-everyone = 所有人
page-uid = 用户
page-topic = 主题
page-listen-add = 接收更多
page-listen-what = 用户或主题
page-listen-name = 名称
page-listen = 接收
page-listen-stop = 不再接收 { $name }
page-listen-bad-topic = 主题为 1 至 64 个字母、数字、- 或 _。
page-listen-bad-uid = 用户为 1 至 128 字节。
page-listen-most = 最多 { $n } 个用户和主题。
page-cancel = 取消
page-new = { $n } 个新事件
page-empty = 还没有事件
page-empty-about = 事件一经发送就会显示在这里。可以用表单发送一个，或者从终端发送：
page-waiting-first = 广播站应答后，这里会显示事件。
page-earlier = 此前
page-earlier-about = 打开本页之前的事件
page-at = { $time } 收到
page-gap = 部分事件无法补回
page-gap-about = 广播站已不再保留 { $from } 至 { $to } 之间的事件。
page-urgent = 高
page-link = 链接
page-data = 数据
page-id = 位置
page-for = 对象
page-name = 事件名
page-only-newest = 只显示最新的 { $n } 个。

## 事件种类，与应用中的叫法一致

page-event-like = 点赞
page-event-favorite = 收藏
page-event-notify = 通知
page-event-comment = 评论
page-event-follow = 新关注者
page-event-mention = 提及
page-event-message = 消息

## 发送

page-send = 发送
page-send-event = 事件名
page-send-to = 发给
page-send-to-name = 用户或主题的名称
page-send-as = 内容
page-send-words = 文字
page-send-json = JSON
page-send-title = 标题
page-send-text = 正文
page-send-text-hint = 小艾赞了你的文章
page-send-now = 发送
page-sent = 已发送，位置 { $id }
page-sent-unheard = 已发送。本页没有接收 { $name } 的事件。
page-send-bad-json = 这不是 JSON：{ $why }
page-send-failed = 未发送：{ $why }
page-send-unreachable = 未发送：广播站没有应答。请重试。

## 谁在线

page-online = 在线订阅者
page-online-of = { $n } / { $max }
page-online-none = 没有订阅者。
page-online-lag = 落后 { $n } 个事件
page-disconnect = 断开
page-disconnect-who = 断开 { $name }
page-disconnected = 已断开。多数程序会自动重新连接。
page-disconnect-failed = 未断开：{ $why }

## 示例代码

page-recipes = 在你的程序中使用
page-code = 代码
page-receive = 接收
page-receive-note-browser = 可用于任何网页，其他来源需要 --allow-origin。
page-receive-note-curl = 在终端中运行，按 Ctrl-C 结束。
page-receive-note-python = 只需标准库。断线后自动重新连接，并从断点继续。
page-receive-note-rust = 使用 reqwest。断线后自动重新连接，并从断点继续。
page-receive-note-node = 无需安装。断线后自动重新连接，并从断点继续。
page-send-note-browser = 可用于任何网页，其他来源需要 --allow-origin。
page-send-note-curl = 不写 uid 和 topic 时发给所有人。
page-send-note-python = 只需标准库。
page-send-note-rust = 使用 reqwest。
page-send-note-node = 无需安装。
page-recipe-token = 请把令牌放入变量 FEEDBELL_TOKEN。
page-recipe-token-browser = 请把 FEEDBELL_TOKEN 换成你的令牌。
page-tool = 编程语言
page-copy = 复制
page-copied = 已复制
page-copy-refused = 浏览器不允许复制。请选中文字后手动复制。
