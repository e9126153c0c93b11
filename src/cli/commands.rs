//! `completions` and `man`: what clap knows of the command line, in other forms.
//!
//! clap generates the completion scripts whole. The manual pages are generated section by section, so that
//! the sections of [`help`] can follow the options. There is one page with all options for standard output,
//! or one page per command in a folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueHint;

use super::help;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Write a page for each command into this directory, instead of one to standard output
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionArgs, command: &mut clap::Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "roottrail", &mut script);
    print(&script)
}

pub(super) fn man(args: &ManArgs, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    command.build();
    let Some(dir) = &args.dir else { return print(&whole_page(&command)?) };
    let write = |name: &str, page: &[u8]| {
        let path = dir.join(format!("{name}.1"));
        fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
    };
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    write("roottrail", &main_page(&command)?)?;
    let commands: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
    for sub in commands {
        let name = format!("roottrail-{}", sub.get_name());
        write(&name, &sub_page(sub, &name)?)?;
    }
    said(dir)
}

fn said(dir: &Path) -> anyhow::Result<ExitCode> {
    super::terminal::line(&format!(
        "roottrail: pages are in {}",
        super::terminal::plain(&dir.display().to_string())
    ));
    Ok(ExitCode::SUCCESS)
}

/// Returns one page with the options of every command.
fn whole_page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = main_page(command)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        section(&mut page, &format!("ROOTTRAIL {}", sub.get_name().to_uppercase()));
        let man = clap_mangen::Man::new(sub.clone());
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    Ok(page)
}

/// Returns the page of the whole program, which names the others.
fn main_page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    section(&mut page, "COMMANDS");
    let mut see = Vec::new();
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        item(&mut page, &format!("roottrail-{}(1)", sub.get_name()), &about);
        see.push(format!("roottrail-{}(1)", sub.get_name()));
    }
    if let Some(scan) = help::page("scan") {
        further(&mut page, scan);
    }
    section(&mut page, "SEE ALSO");
    text(&mut page, &see.join(", "));
    Ok(page)
}

fn sub_page(command: &clap::Command, name: &str) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone().name(name.to_owned()).after_long_help(""));
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if let Some(further_sections) = help::page(command.get_name()) {
        further(&mut page, further_sections);
    }
    section(&mut page, "SEE ALSO");
    text(&mut page, "roottrail(1)");
    Ok(page)
}

/// Appends what a page says beyond the options.
fn further(page: &mut Vec<u8>, of: &help::Page) {
    section(page, "INPUT");
    text(page, of.reads);
    section(page, "EXAMPLES");
    for (command, what) in of.examples {
        item(page, command, what);
    }
    section(page, "EXIT STATUS");
    for (code, what) in of.exit {
        item(page, &code.to_string(), what);
    }
    for (title, entries) in [("ENVIRONMENT", of.environment), ("FILES", of.files)] {
        if !entries.is_empty() {
            section(page, title);
            for (name, what) in entries {
                item(page, name, what);
            }
        }
    }
}

fn section(page: &mut Vec<u8>, title: &str) {
    page.extend_from_slice(format!(".SH {}\n", roff_text(title, true)).as_bytes());
}

fn item(page: &mut Vec<u8>, name: &str, what: &str) {
    page.extend_from_slice(
        format!(".TP\n\\fB{}\\fR\n{}\n", roff_text(name, false), roff_text(what, false)).as_bytes(),
    );
}

fn text(page: &mut Vec<u8>, words: &str) {
    page.extend_from_slice(format!("{}\n", roff_text(words, false)).as_bytes());
}

/// Returns a text as roff reads it, without requests and escapes.
fn roff_text(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('…', "...");
    match text.chars().next() {
        _ if quoted => format!("\"{text}\""),
        Some('.' | '\'') => format!("\\&{text}"),
        _ => text,
    }
}

/// Writes a command's whole output.
pub(super) fn print(bytes: &[u8]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the arguments with a closed list, and their values.
    fn closed(command: &clap::Command) -> Vec<(String, Vec<String>, bool, bool)> {
        let takes = |arg: &&clap::Arg| arg.get_action().takes_values() && !arg.is_hide_set();
        command
            .get_arguments()
            .filter(takes)
            .map(|arg| {
                let values = arg.get_possible_values();
                let names = values.iter().filter(|value| !value.is_hide_set());
                let names = names.map(|value| value.get_name().to_owned()).collect();
                (arg.get_id().to_string(), names, arg.is_hide_possible_values_set(), arg.is_positional())
            })
            .filter(|(_, names, ..): &(_, Vec<_>, _, _)| !names.is_empty())
            .collect()
    }

    #[test]
    fn closed_values_stand_in_help_man_pages_and_completions() {
        let mut whole = crate::cli::command();
        whole.build();
        let scripts = [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish]
            .map(|shell| {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut whole.clone(), "roottrail", &mut script);
                String::from_utf8(script).unwrap()
            });
        let mut seen = 0;
        for sub in whole.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let help =
                [sub.clone().render_help(), sub.clone().render_long_help()].map(|help| help.to_string());
            let page = String::from_utf8(sub_page(sub, sub.get_name()).unwrap()).unwrap().replace("\\-", "-");
            for (arg, values, hidden, positional) in closed(sub) {
                for value in values {
                    seen += 1;
                    // fish completes options, and leaves positional arguments to the user.
                    let scripts = scripts.iter().take(if positional { 2 } else { 3 });
                    let places = help.iter().chain([&page]).filter(|_| !hidden).chain(scripts);
                    for text in places {
                        assert!(text.contains(&value), "{} --{arg}: no {value} in {text}", sub.get_name());
                    }
                }
            }
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn every_command_has_examples_and_exit_codes_in_its_long_help_only() {
        for sub in crate::cli::command().get_subcommands() {
            let (short, long) =
                (sub.clone().render_help().to_string(), sub.clone().render_long_help().to_string());
            let page = help::page(sub.get_name()).unwrap_or_else(|| panic!("{} has no page", sub.get_name()));
            assert!(page.examples.len() >= 3 && !page.exit.is_empty(), "{}", sub.get_name());
            assert!(long.contains("Exit codes:") && !short.contains("Exit codes:"), "{}", sub.get_name());
        }
    }

    #[test]
    fn nothing_in_a_page_is_a_request_by_accident() {
        assert_eq!(roff_text(".TH", false), "\\&.TH");
        assert_eq!(roff_text("a\\b-c", false), "a\\eb\\-c");
    }
}
