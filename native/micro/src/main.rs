//! `weft-micro list`: one JSON line for each piece of work. `weft-micro run NAME BATCHES`: does it, for callgrind.

use std::process::ExitCode;
use weft_micro::{BATCH, Meter, cases};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => {
            for case in cases() {
                let (name, what, bytes) = (case.name, case.what, case.bytes);
                println!(r#"{{"name":"{name}","what":"{what}","bytes":{bytes},"batch":{BATCH}}}"#);
            }
            ExitCode::SUCCESS
        }
        ["run", name, batches] => {
            let found = cases().find(|case| case.name == name);
            let (Some(case), Ok(batches)) = (found, batches.parse()) else {
                eprintln!("weft-micro: no such piece of work, or no number: {name} {batches}");
                return ExitCode::FAILURE;
            };
            (case.run)(&mut Meter::new(batches));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("weft-micro list | run NAME BATCHES");
            ExitCode::FAILURE
        }
    }
}
