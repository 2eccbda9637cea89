//! `subjects/NAME/subject.toml`: how a client is installed and started.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fmt, fs};

use serde::Deserialize;

use super::ProcessSubject;

/// A client that the suite knows how to get.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// As it is called on the command line: the name of its folder.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// One of our own runtimes: judged by policies, too.
    #[serde(default)]
    pub own: bool,
    /// The version that is installed; the shim says its own.
    #[serde(default)]
    pub version: String,
    /// The command that starts its shim.
    pub run: Vec<String>,
    /// Commands that install it, in their order.
    #[serde(default)]
    install: Vec<Vec<String>>,
    /// They are run again when this file of its folder has changed.
    #[serde(default)]
    stamp: Option<String>,
    /// They are run every time: they know themselves what is to be done.
    #[serde(default)]
    always_install: bool,
    /// Programs that must be there.
    #[serde(default)]
    needs: Vec<String>,
    /// Where its packages come from.
    #[serde(default)]
    registry: String,
    /// How many may run at the same time.
    #[serde(default = "two")]
    pub jobs: usize,
    /// Seconds it has to be ready and to connect, where the command line does not say.
    #[serde(default)]
    pub patience_s: Option<u64>,
    /// Its shim takes the setting `webhook`.
    #[serde(default)]
    webhook: bool,
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    root: PathBuf,
}

fn two() -> usize {
    2
}

/// Why a client cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriptorError {
    /// An installation failed; its output.
    Install(String),
    /// A program is not there.
    Missing(String),
    /// The registry does not answer.
    Unreachable(String),
    /// There is no such subject, or its description is wrong.
    Unknown(String),
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install(output) => write!(f, "the installation failed:\n{output}"),
            Self::Missing(program) => write!(f, "{program} is not installed"),
            Self::Unreachable(registry) => write!(f, "{registry} cannot be reached"),
            Self::Unknown(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for DescriptorError {}

/// What installers say when the network is not there.
const SIGNS: [&str; 14] = [
    "connection refused",
    "connection error",
    "connection broken",
    "connection reset",
    "timed out",
    "name resolution",
    "getaddrinfo",
    "max retries",
    "enotfound",
    "econnrefused",
    "econnreset",
    "etimedout",
    "eai_again",
    "could not resolve host",
];

impl Descriptor {
    /// Every subject under `conformance/subjects`, by name.
    ///
    /// # Errors
    /// A description is wrong.
    pub fn all(root: &Path) -> Result<Vec<Self>, DescriptorError> {
        let folder = root.join("conformance/subjects");
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let file = entry.path().join("subject.toml");
            if let Ok(text) = fs::read_to_string(&file) {
                let wrong = |error: toml::de::Error| DescriptorError::Unknown(format!("{}: {error}", file.display()));
                let mut descriptor: Self = toml::from_str(&text).map_err(wrong)?;
                descriptor.folder = absolute(&entry.path());
                descriptor.root = absolute(root);
                found.push(descriptor);
            }
        }
        found.sort_by(|one, other| (!one.own, &one.name).cmp(&(!other.own, &other.name)));
        Ok(found)
    }

    /// Installs it where that is needed, and says how it is started.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn prepare(&self) -> Result<ProcessSubject, DescriptorError> {
        if let Some(program) = self.needs.iter().find(|program| !is_there(program)) {
            return Err(DescriptorError::Missing(program.clone()));
        }
        let install = absolute(&self.target()).join("conformance").join(&self.name);
        fs::create_dir_all(&install).map_err(|error| DescriptorError::Install(error.to_string()))?;
        let installed = install.join("installed");
        let stamp = self.stamp.as_ref().map(|file| self.stamp_of(file));
        let fresh = !self.always_install && stamp.is_some() && fs::read_to_string(&installed).ok() == stamp;
        if !fresh {
            // What breaks off in the middle is not there.
            let _ = fs::remove_file(&installed);
            for command in &self.install {
                self.install_by(command, &install)?;
            }
            if let Some(stamp) = stamp {
                fs::write(&installed, stamp).map_err(|error| DescriptorError::Install(error.to_string()))?;
            }
        }
        Ok(ProcessSubject { command: self.filled(&self.run, &install), folder: install, webhook: self.webhook })
    }

    fn install_by(&self, command: &[String], install: &Path) -> Result<(), DescriptorError> {
        let command = self.filled(command, install);
        let Some((program, arguments)) = command.split_first() else { return Ok(()) };
        let folder = if self.own { &self.root } else { install };
        let done = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output();
        let done = done.map_err(|error| DescriptorError::Install(format!("{program}: {error}")))?;
        if done.status.success() {
            return Ok(());
        }
        let output = [String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)].concat();
        let lower = output.to_lowercase();
        if !self.registry.is_empty() && SIGNS.iter().any(|sign| lower.contains(sign)) {
            return Err(DescriptorError::Unreachable(self.registry.clone()));
        }
        let start = output.char_indices().rev().nth(2000).map_or(0, |(at, _)| at);
        let end = output.get(start..).unwrap_or_default();
        Err(DescriptorError::Install(format!("{}\n{end}", command.join(" "))))
    }

    /// What an installation depends on: the file, the commands, and for clients that are compiled the shim itself.
    fn stamp_of(&self, file: &str) -> String {
        let mut stamp = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        stamp.push_str(&format!("{:?}", self.install));
        if let Ok(main) = fs::read_to_string(self.folder.join("src/main.rs")) {
            stamp.push_str(&main);
            stamp.push_str(&fs::read_to_string(self.folder.join("../protocol.rs")).unwrap_or_default());
        }
        stamp
    }

    fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    fn filled(&self, command: &[String], install: &Path) -> Vec<String> {
        let places = HashMap::from([
            ("{here}", self.folder.clone()),
            ("{install}", install.to_owned()),
            ("{root}", self.root.clone()),
            ("{target}", absolute(&self.target())),
        ]);
        let fill = |word: &String| {
            places.iter().fold(word.clone(), |word, (name, place)| word.replace(name, &place.display().to_string()))
        };
        command.iter().map(fill).collect()
    }
}

/// Shims run in folders of their own.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
