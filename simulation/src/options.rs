//! The command line.

use crate::clock::YEAR;

/// Years are simulated from here on, unless said otherwise: CI must repeat itself.
const BASE: u64 = 20_260_101;

const USAGE: &str = "\
usage: larkwire-simulation [--years N] [--base SEED | --random] [--lines N] [--json]
       larkwire-simulation --seed SEED [--brief | --json]
       larkwire-simulation --herd BOTS [--base SEED]

  --years N    simulate at least N years in as many lives as they take; 10 unless said
  --base SEED  the seed of the first life; those of the others follow
  --random     a base seed from the clock, which is printed
  --lines N    lines of its log that a failing life leaves; 60 unless said
  --seed SEED  one life, with all that happens in it
  --brief      without its log
  --herd BOTS  cut so many bots at once, and count who comes back when
  --json       one line for machines";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) wanted: u64,
    pub(crate) base: u64,
    pub(crate) seed: Option<u64>,
    pub(crate) herd: Option<u64>,
    pub(crate) lines: usize,
    pub(crate) json: bool,
    pub(crate) brief: bool,
}

impl Options {
    pub(crate) fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { wanted: 10 * YEAR, base: BASE, seed: None, herd: None, lines: 60, json: false, brief: false };
        while let Some(arg) = args.next() {
            let mut number = || {
                let text = args.next().unwrap_or_default();
                text.parse::<u64>().map_err(|_| format!("{arg} wants a number, not {text:?}\n{USAGE}"))
            };
            match arg.as_str() {
                "--years" => options.wanted = number()?.saturating_mul(YEAR),
                "--base" => options.base = number()?,
                "--seed" => options.seed = Some(number()?),
                "--herd" => options.herd = Some(number()?),
                "--lines" => options.lines = number()? as usize,
                "--json" => options.json = true,
                "--brief" => options.brief = true,
                "--random" => {
                    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                    options.base = since.map_or(0, |since| since.as_nanos() as u64);
                    if !options.json {
                        crate::report::say(&format!("base seed {}", options.base));
                    }
                }
                _ => return Err(USAGE.to_owned()),
            }
        }
        if options.wanted == 0 || options.herd == Some(0) {
            // Nothing would be tried, and every invariant would hold.
            return Err(format!("no years or no bots prove nothing\n{USAGE}"));
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn read(text: &str) -> Result<Options, String> {
        Options::read(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_to_do_is_no_success() {
        assert!(read("--years 0").is_err());
        assert!(read("--herd 0").is_err());
        assert!(read("--years").is_err());
        assert_eq!(read("--years 2").map(|options| options.wanted), Ok(2 * crate::clock::YEAR));
    }
}
