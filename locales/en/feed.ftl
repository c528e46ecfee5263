## Why a feed waits. It goes on trying by itself.

trouble-name = No address was found for { $host }. Check the network, and the name in the feed’s address.
trouble-refused = Nothing answers at { $host }. Check that the server runs, and the port in the feed’s address.
trouble-unreachable = There is no way to { $host }. Check the network.
trouble-connect-timeout = { $host } did not accept the connection within { $seconds } s. Check the network and the feed’s address.
trouble-answer-timeout = { $host } did not answer within { $seconds } s. Check the server, or a proxy in front of it.
trouble-too-many = The server asks for fewer connections (429). Feedbell comes back later.
trouble-status = The server has a problem of its own ({ $status }). Feedbell comes back later.
trouble-proxy = There is no way through the proxy { $proxy }: { $detail }. Check the proxy in the feed’s advanced settings (--proxy).
trouble-silent = Nothing was heard for { $seconds } s, so Feedbell connects anew.
trouble-long-line = The server sent a line without end (more than { $mib } MiB). Check that the address is an event stream.
trouble-long-answer = The server sent an answer of more than { $mib } MiB. Ask for fewer entries at once, or for a stream.
trouble-ended = The server closed the connection. Feedbell connects anew.
trouble-broken = The connection broke: { $detail }. Feedbell connects anew.
trouble-tls = There is no secure connection to { $host }: { $detail }. Check the server’s certificate.
trouble-tls-expired = The certificate of { $host } has expired. Check this computer’s clock, or renew the certificate.
trouble-tls-not-yet = The certificate of { $host } is not valid yet. Check this computer’s clock.
trouble-tls-issuer = The certificate of { $host } is from an issuer that this computer does not trust. Name the issuer’s certificate in the feed’s advanced settings (--ca), pin the certificate itself if it is a hub’s own (--pin), or add the issuer’s to the system’s.
trouble-tls-name = The certificate of { $host } is for another name. Check the name in the feed’s address.
trouble-tls-revoked = The certificate of { $host } was revoked. Ask whoever runs the server.
trouble-tls-none = { $host } does not speak TLS. Try the address with http instead of https.
trouble-tls-authority = { $host } shows the certificate of an authority itself. Make a certificate for the server that this authority signs.
trouble-tls-client = { $host } wants a client certificate that it knows. Choose one in the feed’s advanced settings (--cert, --key).
trouble-tls-pin = The certificate of { $host } is not the pinned one; it shows { $found }. Ask whoever runs the server before you trust it (--pin).

## Why a feed stopped.

stop-no-content = The server asked to stop (204). Reconnect when it has something to send again.
stop-event = The event “{ $event }” ended the feed. Reconnect to go on.
stop-token = The server refused the token, or wants one (401). Check the feed’s access (--token).
stop-forbidden = The server refused the token (403): it may not read this feed. Check the feed’s access (--token).
stop-not-found = There is no feed at this address. Check the path in the feed’s address.
stop-status = The server answered with status { $status }. Check the feed’s address.
stop-login-page = A web page came instead of an event stream: the server sent us on to { $location }, so it wants to know who you are. Add the token that you use for this server.
stop-web-page = A web page came instead of an event stream, often a login page. Check the address and the access settings.
stop-no-type = The server did not say what it sends. An event stream needs the content type text/event-stream.
stop-json = JSON came instead of an event stream. Look for the address of the stream, or have Feedbell ask at intervals: in the feed’s advanced settings (--poll).
stop-other-type = { $type } came instead of an event stream. Check the feed’s address.
stop-redirects = The server redirected more than { $count } times in a row. Check the feed’s address.
stop-bad-redirect = The server redirects to { $location }, which is no web address. Ask whoever runs the server.
stop-unencrypted = The secret would travel to { $host } unencrypted. Use https, or allow plain http if this is your own network: in the feed’s access settings (--plain-http).
stop-unencrypted-public = The secret would travel to { $host } unencrypted over the internet. Use https.
stop-certificate = The certificate file { $path } cannot be used: { $detail }. Check the feed’s advanced settings.
stop-bad-address = The address cannot be used: { $detail }. Check the feed’s address.

## Events that were left out.

skipped-line = An event with a line of more than { $mib } MiB was left out.
skipped-event = An event of more than { $mib } MiB was left out.

## Why nothing was published.

publish-unanswered = The hub at { $address } did not answer. Look whether the message arrived before sending it again.
publish-refused = The hub refused: { $sentence }
publish-status = The hub refused with status { $status }. Check the address and the token.
publish-no-hub = What answers at { $address } is not a Feedbell hub. Check the address.
publish-bad-request = Nothing can be sent: { $detail }. Check the address and the token.
