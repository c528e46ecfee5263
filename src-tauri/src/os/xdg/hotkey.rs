//! Keys that reach us whoever has the focus, taken from the X server.
//!
//! The server wakes us when they are pressed; nothing here asks again and again.

use std::sync::Arc;

use x11rb::{
    connection::Connection as _,
    errors::ReplyError,
    protocol::{
        ErrorKind, Event,
        xproto::{
            ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, GrabMode, ModMask,
            Window, WindowClass,
        },
    },
    rust_connection::RustConnection,
};

use super::{super::HotkeyTrouble, is_set};

/// Keys that are ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Hotkey {
    display: Arc<RustConnection>,
    /// An invisible window of ours: what is sent to it reaches the thread that listens.
    ear: Window,
}

impl Hotkey {
    /// Takes keys like `Ctrl+Alt+B`; `pressed` runs in a thread of its own.
    ///
    /// # Errors
    /// When these are no keys, or they cannot be had.
    pub(crate) fn take(
        keys: &str,
        pressed: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, HotkeyTrouble> {
        let (modifiers, key) = parse(keys).ok_or(HotkeyTrouble::Unknown)?;
        // Under Wayland the X server only hears keys of its own windows.
        if is_set("WAYLAND_DISPLAY") || !is_set("DISPLAY") {
            return Err(HotkeyTrouble::NotHere);
        }
        let (display, screen) = RustConnection::connect(None).map_err(not_here)?;
        let root = display.setup().roots.get(screen);
        let root = root.ok_or(HotkeyTrouble::NotHere)?.root;
        let code = key_code(&display, key)?.ok_or(HotkeyTrouble::Unknown)?;
        for lock in [
            ModMask::default(),
            ModMask::M2,   // Num Lock
            ModMask::LOCK, // Caps Lock
            ModMask::M2 | ModMask::LOCK,
        ] {
            // An error ends the connection, and with it whatever was taken before.
            let (mask, mode) = (modifiers | lock, GrabMode::ASYNC);
            let grab = display.grab_key(false, root, mask, code, mode, mode);
            grab.map_err(not_here)?.check().map_err(|why| match why {
                ReplyError::X11Error(error) if error.error_kind == ErrorKind::Access => {
                    HotkeyTrouble::Taken
                }
                _ => HotkeyTrouble::NotHere,
            })?;
        }
        let ear = display.generate_id().map_err(not_here)?;
        let (class, more) = (WindowClass::INPUT_ONLY, CreateWindowAux::new());
        let visual = x11rb::COPY_FROM_PARENT;
        let made = display.create_window(0, ear, root, 0, 0, 1, 1, 0, class, visual, &more);
        made.map_err(not_here)?.check().map_err(not_here)?;
        let display = Arc::new(display);
        let listening = Arc::clone(&display);
        let thread = std::thread::Builder::new().name("hotkey".to_owned());
        let listen = move || {
            while let Ok(event) = listening.wait_for_event() {
                match event {
                    Event::KeyPress(_) => pressed(),
                    Event::ClientMessage(_) => break,
                    _ => {}
                }
            }
        };
        thread.spawn(listen).map_err(not_here)?;
        Ok(Self { display, ear })
    }
}

impl Drop for Hotkey {
    fn drop(&mut self) {
        // Any type will do.
        let farewell = ClientMessageEvent::new(32, self.ear, 1u32, [0u32; 5]);
        let mask = EventMask::NO_EVENT;
        if let Ok(sent) = self.display.send_event(false, self.ear, mask, farewell) {
            sent.ignore_error();
        }
        let _ = self.display.flush();
    }
}

fn not_here<E>(_: E) -> HotkeyTrouble {
    HotkeyTrouble::NotHere
}

/// Which key of this keyboard gives this sign.
fn key_code(display: &RustConnection, key: u32) -> Result<Option<u8>, HotkeyTrouble> {
    let setup = display.setup();
    let first = setup.min_keycode;
    let count = setup.max_keycode.saturating_sub(first).saturating_add(1);
    let mapping = display.get_keyboard_mapping(first, count);
    let mapping = mapping.map_err(not_here)?.reply().map_err(not_here)?;
    let each = usize::from(mapping.keysyms_per_keycode).max(1);
    let mut keys = mapping.keysyms.chunks(each);
    let place = keys.position(|signs| signs.first() == Some(&key));
    Ok(place
        .and_then(|place| u8::try_from(place).ok())
        .and_then(|place| first.checked_add(place)))
}

/// Modifiers and the keysym of `Ctrl+Alt+B`. Keys that are typed need a modifier beside Shift.
fn parse(keys: &str) -> Option<(ModMask, u32)> {
    let mut parts: Vec<&str> = keys.split('+').map(str::trim).collect();
    let key = parts.pop()?.to_ascii_lowercase();
    let mut modifiers = ModMask::default();
    for part in parts {
        modifiers |= match part.to_ascii_lowercase().as_str() {
            "ctrl" | "control" | "cmdorctrl" | "commandorcontrol" => ModMask::CONTROL,
            "alt" | "option" => ModMask::M1,
            "shift" => ModMask::SHIFT,
            "super" | "meta" | "cmd" | "command" | "win" => ModMask::M4,
            _ => return None,
        };
    }
    let number = key.strip_prefix('f').and_then(|n| n.parse::<u32>().ok());
    let (sign, typed) = match (key.as_str(), number) {
        (_, Some(number @ 1..=24)) => (0xffbe + number - 1, false),
        ("space", _) => (0x20, true),
        ("enter" | "return", _) => (0xff0d, true),
        ("tab", _) => (0xff09, true),
        ("escape" | "esc", _) => (0xff1b, true),
        ("backspace", _) => (0xff08, true),
        ("delete" | "del", _) => (0xffff, true),
        ("insert" | "ins", _) => (0xff63, true),
        ("home", _) => (0xff50, true),
        ("end", _) => (0xff57, true),
        ("pageup", _) => (0xff55, true),
        ("pagedown", _) => (0xff56, true),
        ("left" | "arrowleft", _) => (0xff51, true),
        ("up" | "arrowup", _) => (0xff52, true),
        ("right" | "arrowright", _) => (0xff53, true),
        ("down" | "arrowdown", _) => (0xff54, true),
        ("pause", _) => (0xff13, false),
        ("printscreen" | "print", _) => (0xff61, false),
        // Latin-1 keysyms are the signs themselves.
        (one, _) => match one.as_bytes() {
            [sign @ b'!'..=b'~'] => (u32::from(*sign), true),
            _ => return None,
        },
    };
    let strong = ModMask::CONTROL | ModMask::M1 | ModMask::M4;
    (!typed || u16::from(modifiers) & u16::from(strong) != 0).then_some((modifiers, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let control_alt = ModMask::CONTROL | ModMask::M1;
        assert_eq!(parse("Ctrl+Alt+B"), Some((control_alt, u32::from(b'b'))));
        assert_eq!(parse("control + option + b"), parse("Ctrl+Alt+B"));
        assert_eq!(parse("Super+Space"), Some((ModMask::M4, 0x20)));
        assert_eq!(parse("F9"), Some((ModMask::default(), 0xffc6)));
        assert_eq!(parse("Ctrl+F"), Some((ModMask::CONTROL, u32::from(b'f'))));
    }

    #[test]
    fn what_would_take_a_letter_from_everybody_is_no_shortcut() {
        let wrong = [
            "B",
            "Shift+B",
            "Space",
            "",
            "+",
            "Ctrl+",
            "Ctrl+Hyper+B",
            "Ctrl+F99",
            "Ctrl+好",
        ];
        for keys in wrong {
            assert_eq!(parse(keys), None, "{keys}");
        }
    }
}
