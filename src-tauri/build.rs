//! Builds the Tauri context from `tauri.conf.json` at the root.
fn main() {
    tauri_build::build();
}
