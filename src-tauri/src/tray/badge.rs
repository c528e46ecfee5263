//! A number on the tray's icon, drawn for the icon's own pixels.

use tauri::image::Image;

use crate::os::Panel;

/// The largest number that is drawn; beyond it stands “9+”.
pub(super) const MOST: u32 = 9;

/// Rows of a sign, its leftmost pixel the highest of `WIDE` bits.
const WIDE: u32 = 7;
const HIGH: u32 = 11;
const SIGNS: [[u8; HIGH as usize]; 9] = [
    [
        0x0c, 0x1c, 0x3c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c,
    ],
    [
        0x3e, 0x7f, 0x63, 0x03, 0x07, 0x0e, 0x1c, 0x38, 0x70, 0x7f, 0x7f,
    ],
    [
        0x3e, 0x7f, 0x63, 0x03, 0x1e, 0x1e, 0x03, 0x03, 0x63, 0x7f, 0x3e,
    ],
    [
        0x06, 0x0e, 0x1e, 0x36, 0x36, 0x66, 0x7f, 0x7f, 0x06, 0x06, 0x06,
    ],
    [
        0x7f, 0x7f, 0x60, 0x60, 0x7e, 0x7f, 0x03, 0x03, 0x63, 0x7f, 0x3e,
    ],
    [
        0x1e, 0x3e, 0x70, 0x60, 0x7e, 0x7f, 0x63, 0x63, 0x63, 0x7f, 0x3e,
    ],
    [
        0x7f, 0x7f, 0x03, 0x06, 0x06, 0x0c, 0x0c, 0x18, 0x18, 0x30, 0x30,
    ],
    [
        0x3e, 0x7f, 0x63, 0x63, 0x3e, 0x3e, 0x63, 0x63, 0x63, 0x7f, 0x3e,
    ],
    [
        0x3e, 0x7f, 0x63, 0x63, 0x7f, 0x3f, 0x03, 0x03, 0x07, 0x3e, 0x3c,
    ],
];
/// A plus of five pixels, in the middle of the height.
const PLUS: [u8; HIGH as usize] = [0, 0, 0, 0x10, 0x10, 0x7c, 0x7c, 0x10, 0x10, 0, 0];
const PLUS_WIDE: u32 = 5;
/// How high the badge is; a single sign's is as wide.
const BADGE: u32 = 19;
/// The smallest icon that a number fits on.
const LEAST: u32 = 22;
/// What is left free around it.
const GAP: f32 = 1.5;

/// The number as it is shown.
pub(super) fn text(count: u32) -> String {
    if count > MOST {
        format!("{MOST}+")
    } else {
        count.to_string()
    }
}

/// The icon with a number in its upper right corner, at least 1.
pub(super) fn on(icon: &Image<'_>, count: u32, panel: Panel) -> Image<'static> {
    let (width, height) = (icon.width(), icon.height());
    let mut pixels = icon.rgba().to_vec();
    if width.min(height) < LEAST {
        return Image::new_owned(pixels, width, height);
    }
    // The accent and what is written on it, as in the window.
    let (fill, ink) = match panel {
        Panel::Dark => ([0x8f, 0xb2, 0xff], [0x12, 0x14, 0x17]),
        Panel::Light | Panel::Template => ([0x2a, 0x5b, 0xc7], [0xff, 0xff, 0xff]),
    };
    let many = count > MOST;
    let digit = SIGNS[(count.clamp(1, MOST) - 1) as usize];
    let signs: &[(u32, [u8; HIGH as usize])] = if many {
        &[(WIDE, digit), (PLUS_WIDE + 1, PLUS)]
    } else {
        &[(WIDE, digit)]
    };
    let inked: u32 = signs.iter().map(|(wide, _)| wide).sum();
    let badge = BADGE.max(inked + 8).min(width);
    let left = width - badge;
    for y in 0..height {
        for x in 0..width {
            let at = ((y * width + x) * 4) as usize;
            let Some(pixel) = pixels.get_mut(at..at + 4) else {
                continue;
            };
            // Nothing of the icon beneath and close around the badge.
            let around = cover(x, y, left, badge, GAP);
            pixel[3] = scale(pixel[3], 1.0 - around);
            let within = cover(x, y, left, badge, 0.0);
            if within > 0.0 {
                pixel[..3].copy_from_slice(&fill);
                pixel[3] = scale(255, within);
            }
        }
    }
    let top = (BADGE - HIGH) / 2;
    let mut column = left + (badge - inked).div_ceil(2);
    for (wide, rows) in signs {
        for (y, row) in (top..).zip(rows) {
            for x in 0..WIDE.min(*wide + 1) {
                let at = ((y * width + column + x) * 4) as usize;
                if row & (0x40 >> x) != 0
                    && let Some(pixel) = pixels.get_mut(at..at + 3)
                {
                    pixel.copy_from_slice(&ink);
                }
            }
        }
        column += wide + 1;
    }
    Image::new_owned(pixels, width, height)
}

/// How much of a pixel a badge covers that is this much larger all around.
#[expect(clippy::cast_precision_loss, reason = "icons are small")]
fn cover(x: u32, y: u32, left: u32, wide: u32, larger: f32) -> f32 {
    let radius = BADGE as f32 / 2.0;
    let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
    // A badge is all points close enough to a line between two centres.
    let first = left as f32 + radius;
    let last = (left + wide) as f32 - radius;
    let distance = (x - x.clamp(first, last)).hypot(y - radius);
    (radius + larger + 0.5 - distance).clamp(0.0, 1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a byte is a byte"
)]
fn scale(value: u8, share: f32) -> u8 {
    (f32::from(value) * share).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell() -> Image<'static> {
        tauri::include_image!("icons/tray/unread-light-32.png")
    }

    fn drawn(count: u32) -> Vec<u8> {
        on(&bell(), count, Panel::Light).rgba().to_vec()
    }

    #[test]
    fn each_number_has_its_own_picture_and_beyond_nine_there_is_one() {
        let all: Vec<_> = (1..=10).map(drawn).collect();
        for (place, picture) in all.iter().enumerate() {
            assert_eq!(picture.len(), 32 * 32 * 4);
            assert!(!all[..place].contains(picture), "{}", place + 1);
        }
        assert_eq!(drawn(10), drawn(4_000_000_000));
        assert_eq!(text(9), "9");
        assert_eq!(text(10), "9+");
    }

    #[test]
    fn a_number_is_white_on_the_accent_and_leaves_the_bell_alone() {
        let (bell, seven) = (bell().rgba().to_vec(), drawn(7));
        let at = |x: usize, y: usize| (y * 32 + x) * 4;
        assert_eq!(seven[at(22, 4)..][..4], [255, 255, 255, 255], "its bar");
        assert_eq!(seven[at(22, 2)..][..4], [0x2a, 0x5b, 0xc7, 255]);
        let lower = at(0, 22)..;
        assert_eq!(seven[lower.clone()], bell[lower]);
    }

    #[test]
    fn an_icon_smaller_than_the_badge_does_no_harm() {
        let small = Image::new_owned(vec![255; 4 * 4 * 4], 4, 4);
        assert_eq!(on(&small, 3, Panel::Dark).rgba(), small.rgba());
    }
}
