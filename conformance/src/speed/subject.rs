//! `conformance/speed/NAME.toml`: how a client that is measured is had and started.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde::Deserialize;

use crate::suite::subject::{Descriptor, DescriptorError};

/// A client that can be measured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedSubject {
    /// As it is called on the command line: the name of its file.
    #[serde(skip)]
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// What it runs on.
    pub runtime: String,
    /// Where it stands in tables.
    place: u32,
    /// The command that starts it.
    run: Vec<String>,
    /// The command that starts it with its allocations counted.
    #[serde(default)]
    counted: Vec<String>,
    /// It takes a certificate to be trusted beside the usual ones.
    #[serde(default)]
    pub tls: bool,
    /// Its package in `conformance/speed/rust`.
    #[serde(default)]
    package: Option<String>,
    /// It is installed as this client of `conformance/subjects` is.
    #[serde(default)]
    installed_as: Option<String>,
}

/// A client that is there.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) run: Vec<String>,
    pub(super) counted: Option<Vec<String>>,
}

impl SpeedSubject {
    /// Every client of `conformance/speed`, as tables have them.
    ///
    /// # Errors
    /// A description is wrong.
    pub fn all(root: &Path) -> Result<Vec<Self>, DescriptorError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(root.join("conformance/speed")).into_iter().flatten().flatten() {
            let file = entry.path();
            if file.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let unknown = |what: String| DescriptorError::Unknown(format!("{}: {what}", file.display()));
            let text = fs::read_to_string(&file).map_err(|error| unknown(error.to_string()))?;
            let mut subject: Self = toml::from_str(&text).map_err(|error| unknown(error.to_string()))?;
            subject.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push(subject);
        }
        found.sort_by(|one, other| (one.place, &one.name).cmp(&(other.place, &other.name)));
        Ok(found)
    }

    /// Builds or installs it where that is needed.
    pub(super) fn prepare(&self, root: &Path) -> Result<Ready, DescriptorError> {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let target = target(&root);
        let mut places =
            HashMap::from([("{here}", root.join("conformance/speed")), ("{bin}", target.join("speed/rust/release"))]);
        if let Some(package) = &self.package {
            build(&root, &target, package)?;
        }
        if let Some(name) = &self.installed_as {
            let all = Descriptor::all(&root)?;
            let unknown = || DescriptorError::Unknown(format!("there is no {name} in conformance/subjects"));
            let descriptor = all.iter().find(|descriptor| descriptor.name == *name).ok_or_else(unknown)?;
            places.insert("{install}", descriptor.prepare()?.folder);
        }
        let filled = |command: &[String]| -> Vec<String> {
            let fill = |word: &String| {
                places.iter().fold(word.clone(), |word, (name, place)| word.replace(name, &place.display().to_string()))
            };
            command.iter().map(fill).collect()
        };
        let counted = (!self.counted.is_empty()).then(|| filled(&self.counted));
        Ok(Ready { run: filled(&self.run), counted })
    }
}

/// Cargo itself knows what is fresh; what it says is progress.
fn build(root: &Path, target: &Path, package: &str) -> Result<(), DescriptorError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--release", "--quiet", "--package", package, "--manifest-path"]);
    command.arg(root.join("conformance/speed/rust/Cargo.toml")).arg("--target-dir").arg(target.join("speed/rust"));
    let done = command.stdin(Stdio::null()).output().map_err(|error| DescriptorError::Install(error.to_string()))?;
    if done.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&done.stderr);
    let start = output.char_indices().rev().nth(2000).map_or(0, |(at, _)| at);
    Err(DescriptorError::Install(output.get(start..).unwrap_or_default().to_owned()))
}

/// The folder of everything that is built.
pub(super) fn target(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
