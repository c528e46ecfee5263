# 桌面外壳：托盘菜单，以及窗口出现之前要说的话。

tray-open = 打开 Feedbell
tray-open-unread = 打开 Feedbell（{ $count } 条未读）
tray-feed = { $name }：{ $state }
tray-no-feeds = 还没有订阅源
tray-pause = 暂停通知
tray-resume = 恢复通知
tray-hub = 广播站
tray-hub-on = 广播站（{ $count } 个订阅者）
tray-settings = 设置
tray-quit = 退出 Feedbell

state-off = 已关闭
state-connecting = 正在连接
state-live = 在线
state-waiting = 正在重连
state-stopped = 已停止
state-trouble = 需要处理

desktop-no-display = 没有可用的显示器，无法打开窗口。请使用“feedbell run”在终端中运行同样的通知。
desktop-failed = Feedbell 无法启动：{ $why }
