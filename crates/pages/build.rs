//! Writes the table of the built page's files. Without them the table is empty:
//! this compiles on a machine without Node.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let built = manifest.join("../../ui/dist-hub");
    // Cargo watches only what exists; where it cannot be made, it builds anew each time.
    let _ = fs::create_dir_all(&built);
    println!("cargo:rerun-if-changed={}", built.display());
    println!("cargo:rerun-if-changed=build.rs");

    let mut files = Vec::new();
    if built.join("index.html").is_file() {
        collect(&built, &mut files)?;
    }
    files.sort();
    let mut table = "&[\n".to_owned();
    for path in files {
        let name = path.strip_prefix(&built)?.to_string_lossy();
        let name = name.replace('\\', "/");
        let file = path.canonicalize()?;
        writeln!(
            table,
            "({name:?}, {:?}, include_bytes!({file:?})),",
            content_type(&path)
        )?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("hub.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
