# 桌面外壳：托盘菜单，以及窗口出现之前要说的话。

tray-open = 打开 Feedbell
tray-open-unread = 打开 Feedbell（{ $count } 条未读）
# 未读消息以圆点标记；\u2003 与圆点同宽。
tray-latest-unread = ● { $title } · { $time }
tray-latest = {"\u2003"}{ $title } · { $time }
tray-date = { $month } 月 { $day } 日 { $time }
tray-feeds = 订阅源
tray-feeds-live = 订阅源（{ $count } 个在线）
tray-feed = { $name }：{ $state }
tray-feed-muted = { $name }：{ $state }，已静音
tray-no-feeds = 还没有订阅源
tray-more-feeds = 其余 { $count } 个请在窗口中查看
tray-reconnect = 立即重新连接
tray-muted = 静音
tray-muted-until = 已静音至 { $time }
tray-pause = 暂停通知
tray-paused = 通知已暂停
tray-paused-until = 已暂停至 { $time }
tray-pause-hour = 暂停 1 小时
tray-pause-tomorrow = 暂停至明天 08:00
tray-pause-open = 暂停至手动恢复
tray-resume = 恢复通知
tray-quiet-until = 免打扰时段至 { $time }
tray-quiet-next = 免打扰时段将于 { $time } 开始
tray-quiet-system = 系统的勿扰模式已开启
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

desktop-shortcut-unknown = “{ $keys }”不是快捷键。请用 Ctrl、Alt 或 Super 加一个键，例如 Ctrl+Alt+B。
desktop-shortcut-taken = 另一个程序正在使用 { $keys }。请换一组按键。
desktop-shortcut-not-here = 在当前会话中，程序无法占用按键。请在系统设置中添加一个运行“feedbell open”的快捷键。
desktop-autostart-refused = 无法更改启动 Feedbell 的条目：{ $why }。请检查该文件夹是否可写。
desktop-folder-refused = 无法打开此文件夹。请在文件管理器中打开：{ $path }
desktop-copy-refused = 无法复制这段文字。请在窗口中选中后复制。
desktop-erase-left = 除 { $path } 外已全部清除：{ $why }。请手动删除它。
