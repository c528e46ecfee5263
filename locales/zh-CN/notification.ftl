# 通知未能显示的原因。
notification-no-bus = 当前会话没有 D-Bus，无法显示通知。消息保存在收件箱中。
notification-no-daemon = 没有正在运行的通知服务。请启动或安装一个，例如 dunst；消息保存在收件箱中。
notification-no-answer = 通知服务没有响应。请重启它，或重新登录；消息保存在收件箱中。
notification-refused = 通知服务拒绝了一条通知：{ $reason }。消息已保存在收件箱中。
notification-stopped = 通知功能已关闭。请重新启动 Feedbell。
