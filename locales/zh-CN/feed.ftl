## 订阅源等待的原因。它会自行重试。

trouble-name = 找不到 { $host } 的地址。请检查网络和订阅源地址中的域名。
trouble-refused = { $host } 没有响应连接。请检查服务器是否在运行，以及订阅源地址中的端口。
trouble-unreachable = 无法到达 { $host }。请检查网络。
trouble-connect-timeout = { $host } 在 { $seconds } 秒内没有接受连接。请检查网络和订阅源地址。
trouble-answer-timeout = { $host } 在 { $seconds } 秒内没有应答。请检查服务器或它前面的代理。
trouble-too-many = 服务器要求减少连接（429）。Feedbell 稍后再试。
trouble-status = 服务器自身出现问题（{ $status }）。Feedbell 稍后再试。
trouble-proxy = 无法通过代理 { $proxy }：{ $detail }。请检查订阅源高级设置中的代理（--proxy）。
trouble-silent = { $seconds } 秒没有收到任何数据，Feedbell 正在重新连接。
trouble-long-line = 服务器发来一行没有结尾的内容（超过 { $mib } MiB）。请检查该地址是否为事件流。
trouble-long-answer = 服务器的回应超过 { $mib } MiB。请减少每次请求的条目，或改用事件流。
trouble-ended = 服务器关闭了连接。Feedbell 会重新连接。
trouble-broken = 连接中断：{ $detail }。Feedbell 会重新连接。
trouble-tls = 无法与 { $host } 建立安全连接：{ $detail }。请检查服务器的证书。
trouble-tls-expired = { $host } 的证书已过期。请检查本机时钟，或更新证书。
trouble-tls-not-yet = { $host } 的证书尚未生效。请检查本机时钟。
trouble-tls-issuer = { $host } 的证书来自本机不信任的颁发机构。请在订阅源的高级设置中填写该机构的证书（--ca）；如果是广播站自己的证书，请固定它（--pin）；或把颁发机构的证书加入系统证书。
trouble-tls-name = { $host } 的证书属于另一个域名。请检查订阅源地址中的域名。
trouble-tls-revoked = { $host } 的证书已被吊销。请联系服务器的管理者。
trouble-tls-none = { $host } 不支持 TLS。请将地址中的 https 改为 http 再试。
trouble-tls-authority = { $host } 出示的是颁发机构自己的证书。请用该机构为服务器另外签发一张证书。
trouble-tls-client = { $host } 要求它认可的客户端证书。请在订阅源的高级设置中选择（--cert、--key）。
trouble-tls-pin = { $host } 的证书不是您固定的那一个；它出示的是 { $found }。请先向服务器的管理者核实，再决定是否信任（--pin）。

## 订阅源停止的原因。

stop-no-content = 服务器要求停止（204）。等它再有内容时请重新连接。
stop-event = 事件“{ $event }”结束了这个订阅源。重新连接即可继续。
stop-token = 服务器拒绝了令牌，或者需要令牌（401）。请检查订阅源的访问方式（--token）。
stop-forbidden = 服务器拒绝了令牌（403）：它无权读取该订阅源。请检查订阅源的访问方式（--token）。
stop-not-found = 这个地址没有订阅源。请检查订阅源地址中的路径。
stop-status = 服务器返回状态 { $status }。请检查订阅源地址。
stop-login-page = 收到的是网页而不是事件流：服务器把我们转到了 { $location }，它需要确认你的身份。请填写你在该服务器使用的令牌。
stop-web-page = 收到的是网页而不是事件流，通常是登录页。请检查地址和访问设置。
stop-no-type = 服务器没有说明发送的内容类型。事件流需要 text/event-stream。
stop-json = 收到的是 JSON 而不是事件流。请查找事件流的地址，或在订阅源的高级设置中改为定时查询（--poll）。
stop-other-type = 收到的是 { $type } 而不是事件流。请检查订阅源地址。
stop-redirects = 服务器连续重定向超过 { $count } 次。请检查订阅源地址。
stop-bad-redirect = 服务器重定向到 { $location }，这不是网址。请联系服务器的管理者。
stop-unencrypted = 凭据会以明文发往 { $host }。请改用 https；如果这是你自己的网络，可在订阅源的访问设置中允许明文 http（--plain-http）。
stop-unencrypted-public = 凭据会以明文经互联网发往 { $host }。请改用 https。
stop-certificate = 无法使用证书文件 { $path }：{ $detail }。请检查订阅源的高级设置。
stop-bad-address = 这个地址无法使用：{ $detail }。请检查订阅源地址。

## 被略过的事件。

skipped-line = 略过了一个事件：其中一行超过 { $mib } MiB。
skipped-event = 略过了一个超过 { $mib } MiB 的事件。

## 没有发布的原因。

publish-unanswered = { $address } 的广播站没有应答。再次发送之前，请先确认消息是否已经到达。
publish-refused = 广播站拒绝了：{ $sentence }
publish-status = 广播站拒绝了，状态 { $status }。请检查地址和令牌。
publish-no-hub = { $address } 的应答者不是 Feedbell 广播站。请检查地址。
publish-bad-request = 无法发送：{ $detail }。请检查地址和令牌。
