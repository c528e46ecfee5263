"""The session bus as a desktop sees it: pop-ups and the tray.

`Recorder` is a notification daemon that records and does as it is told, `Tray` a panel that
reads a tray icon and its menu. Both live in this process, on GLib's loop in a thread of its
own (`Loop`), and are driven from the test's thread.
"""
import hashlib
import os
import threading
import time

from gi.repository import Gio, GLib

NOTIFICATIONS = "org.freedesktop.Notifications"
NOTIFICATIONS_XML = """<node><interface name="org.freedesktop.Notifications">
<method name="Notify"><arg direction="in" type="s"/><arg direction="in" type="u"/><arg direction="in" type="s"/>
<arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="in" type="as"/>
<arg direction="in" type="a{sv}"/><arg direction="in" type="i"/><arg direction="out" type="u"/></method>
<method name="CloseNotification"><arg direction="in" type="u"/></method>
<method name="GetCapabilities"><arg direction="out" type="as"/></method>
<method name="GetServerInformation"><arg direction="out" type="s"/><arg direction="out" type="s"/>
<arg direction="out" type="s"/><arg direction="out" type="s"/></method>
<signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
<signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal>
</interface></node>"""

WATCHER = "org.kde.StatusNotifierWatcher"
WATCHER_XML = """<node><interface name="org.kde.StatusNotifierWatcher">
<method name="RegisterStatusNotifierItem"><arg direction="in" type="s"/></method>
<method name="RegisterStatusNotifierHost"><arg direction="in" type="s"/></method>
<property name="RegisteredStatusNotifierItems" type="as" access="read"/>
<property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
<property name="ProtocolVersion" type="i" access="read"/>
<signal name="StatusNotifierItemRegistered"><arg type="s"/></signal>
<signal name="StatusNotifierItemUnregistered"><arg type="s"/></signal>
<signal name="StatusNotifierHostRegistered"/>
</interface></node>"""
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Loop:
    """GLib's loop in a thread; everything that answers the bus runs in it."""

    def __init__(self):
        self.main = GLib.MainLoop()
        self.thread = threading.Thread(target=self.main.run, daemon=True)
        self.thread.start()

    def do(self, what):
        """Runs `what` in the loop's thread and returns its result."""
        done, box = threading.Event(), []

        def run():
            try:
                box.append((what(), None))
            except Exception as error:  # handed to the caller below
                box.append((None, error))
            done.set()
            return False

        GLib.idle_add(run)
        if not done.wait(20):
            raise TimeoutError("the bus thread is stuck")
        result, error = box[0]
        if error:
            raise error
        return result

    def stop(self):
        self.main.quit()
        self.thread.join(5)


class Service:
    """A connection of its own to the bus, with one object on it."""

    def __init__(self, loop, address, name, path, xml):
        self.loop, self.name, self.path = loop, name, path
        flags = Gio.DBusConnectionFlags
        self.bus = Gio.DBusConnection.new_for_address_sync(
            address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        self.bus.set_exit_on_close(False)
        interface = Gio.DBusNodeInfo.new_for_xml(xml).interfaces[0]
        loop.do(lambda: self.bus.register_object(path, interface, self._called, self._property, None))
        owner = self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                          GLib.Variant("(su)", (name, 4)))
        if owner != (1,):
            raise RuntimeError(f"{name} is taken already")

    def call(self, to, path, interface, method, arguments=None):
        answer = self.bus.call_sync(to, path, interface, method, arguments, None, Gio.DBusCallFlags.NONE, 5000, None)
        return answer.unpack()

    def signal(self, member, arguments=None):
        self.bus.emit_signal(None, self.path, self.name, member, arguments)

    def _called(self, _bus, sender, _path, _interface, method, arguments, invocation):
        try:
            answer = getattr(self, "on_" + method)(invocation, sender, *arguments.unpack())
        except Exception as error:  # a broken test double must be seen by the app as such
            invocation.return_dbus_error("io.feedbell.Test", f"{method}: {error!r}")
            raise
        if answer is not None:
            invocation.return_value(answer)

    def _property(self, _bus, _sender, _path, _interface, name):
        return getattr(self, "get_" + name)()

    def stop(self):
        """Leaves the bus as a crash would."""
        try:
            self.bus.close_sync(None)
        except GLib.Error as error:
            # The bus may have ended first, and between a look and this.
            if not error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED):
                raise


class Recorder(Service):
    """A notification daemon that keeps everything it was asked to show, as dicts in `shown`."""

    def __init__(self, loop, address, capabilities=("body", "body-markup", "actions", "persistence")):
        self.capabilities = list(capabilities)
        self.shown, self.alive, self.withdrawn = [], {}, []
        self.behaviour = "take"  # or "refuse", or "hang"
        self.hanging, self.last = [], 0
        super().__init__(loop, address, NOTIFICATIONS, "/org/freedesktop/Notifications", NOTIFICATIONS_XML)

    def on_Notify(self, invocation, sender, app, replaces, icon, title, body, actions, hints, timeout):
        if self.behaviour == "hang":
            self.hanging.append({"title": title, "body": body, "invocation": invocation})
            return None
        if self.behaviour == "refuse":
            invocation.return_dbus_error("io.feedbell.Test.Refused", "not today")
            return None
        if not replaces:
            self.last += 1
        number = replaces or self.last
        record = {"id": number, "app": app, "replaces": replaces, "icon": icon, "title": title, "body": body,
                  "actions": dict(zip(actions[::2], actions[1::2])), "hints": hints, "urgency": hints.get("urgency"),
                  "timeout": timeout, "sender": sender, "at": time.time()}
        self.shown.append(record)
        self.alive[number] = record
        return GLib.Variant("(u)", (number,))

    def on_CloseNotification(self, _invocation, _sender, number):
        self.withdrawn.append(number)
        self._end(number, 3)
        return GLib.Variant("()", ())

    def on_GetCapabilities(self, _invocation, _sender):
        return GLib.Variant("(as)", (self.capabilities,))

    def on_GetServerInformation(self, _invocation, _sender):
        return GLib.Variant("(ssss)", ("recorder", "feedbell tests", "1", "1.2"))

    def _end(self, number, reason):
        if self.alive.pop(number, None):
            self.signal("NotificationClosed", GLib.Variant("(uu)", (number, reason)))

    def act(self, record, action):
        """What a person does: press a button, or click (`default`)."""
        if action not in record["actions"]:
            raise AssertionError(f"no action {action!r} in {record['actions']}")

        def press():
            self.signal("ActionInvoked", GLib.Variant("(us)", (record["id"], action)))
            self._end(record["id"], 2)

        self.loop.do(press)

    def expire(self, record):
        self.loop.do(lambda: self._end(record["id"], 1))


class Tray(Service):
    """A panel without a screen: accepts tray icons, reads their picture and menu, clicks items."""

    def __init__(self, loop, address):
        self.items = []
        super().__init__(loop, address, WATCHER, "/StatusNotifierWatcher", WATCHER_XML)
        loop.do(lambda: self.bus.signal_subscribe(
            "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged", None, None,
            Gio.DBusSignalFlags.NONE, self._owner_changed))

    def on_RegisterStatusNotifierItem(self, _invocation, sender, service):
        item = (sender, service) if service.startswith("/") else (service, "/StatusNotifierItem")
        if item not in self.items:
            self.items.append(item)
        self.signal("StatusNotifierItemRegistered", GLib.Variant("(s)", ("".join(item),)))
        return GLib.Variant("()", ())

    def on_RegisterStatusNotifierHost(self, _invocation, _sender, _service):
        return GLib.Variant("()", ())

    def get_RegisteredStatusNotifierItems(self):
        return GLib.Variant("as", ["".join(item) for item in self.items])

    def get_IsStatusNotifierHostRegistered(self):
        return GLib.Variant("b", True)

    def get_ProtocolVersion(self):
        return GLib.Variant("i", 0)

    def _owner_changed(self, _bus, _sender, _path, _interface, _signal, arguments):
        name, _old, new = arguments.unpack()
        if not new:
            self.items = [item for item in self.items if item[0] != name]

    def _property_of_item(self, name):
        service, path = self.items[-1]
        return self.call(service, path, PROPERTIES, "Get", GLib.Variant("(ss)", (ITEM, name)))[0]

    def icon(self):
        """(path, digest) of the picture shown now."""
        name, folder = self._property_of_item("IconName"), self._property_of_item("IconThemePath")
        for candidate in (name, os.path.join(folder, name), os.path.join(folder, name + ".png")):
            if os.path.isfile(candidate):
                with open(candidate, "rb") as picture:
                    return candidate, hashlib.sha256(picture.read()).hexdigest()[:16]
        raise AssertionError(f"no picture {name!r} in {folder!r}")

    def menu(self):
        """The menu's items from top to bottom: dicts with id, label, enabled, checked, depth."""
        service, path = self.items[-1][0], self._property_of_item("Menu")
        self.call(service, path, MENU, "AboutToShow", GLib.Variant("(i)", (0,)))
        _revision, root = self.call(service, path, MENU, "GetLayout", GLib.Variant("(iias)", (0, -1, [])))
        items = []

        def walk(node, depth):
            for number, properties, children in node[2]:
                if properties.get("visible", True):
                    label = "-" if properties.get("type") == "separator" else properties.get("label", "")
                    items.append({"id": number, "label": label.replace("__", "\0").replace("_", "").replace("\0", "_"),
                                  "enabled": properties.get("enabled", True),
                                  "checked": properties.get("toggle-state") == 1, "depth": depth})
                walk((number, properties, children), depth + 1)

        walk(root, 0)
        return items

    def labels(self):
        return [item["label"] for item in self.menu()]

    def click(self, wanted):
        """Clicks the item whose label contains `wanted`."""
        found = [item for item in self.menu() if wanted in item["label"]]
        if not found or not found[0]["enabled"]:
            raise AssertionError(f"no enabled item {wanted!r} in {self.labels()}")
        service, path = self.items[-1][0], self._property_of_item("Menu")
        event = GLib.Variant("(isvu)", (found[0]["id"], "clicked", GLib.Variant("s", ""), int(time.time())))
        self.call(service, path, MENU, "Event", event)
