//! The `samband` binary.

mod admin;
mod args;
mod client;
mod logs;
mod migrate;
mod run_command;
mod serve;
mod tail;

use std::process::ExitCode;

use args::{Cli, Command, ConfigCommand, MigrateCommand};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One crypto provider for the whole process.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("samband: a crypto provider was installed twice");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("samband: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("samband: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Dev(args) => serve::dev(args).await?,
        Command::Serve(args) => serve::serve(args).await?,
        Command::Run(args) => return run_command::run(args).await,
        Command::Resource(command) => admin::resource(command).await?,
        Command::Key(command) => admin::key(command).await?,
        Command::User(command) => admin::user(command).await?,
        Command::Token(command) => admin::token(command).await?,
        Command::Tail(args) => tail::tail(args).await?,
        Command::Ready(args) => return client::ready(args).await,
        Command::Migrate(MigrateCommand::Store(args)) => return migrate::store(args).await,
        Command::Config(ConfigCommand::Check(args)) => {
            let config = args.load(Vec::new())?;
            println!(
                "The configuration is good; the server would listen on {}.",
                config.server.listen
            );
        }
        Command::Config(ConfigCommand::Show(args)) => {
            if args.defaults {
                print!("{}", samband_server::config::DEFAULTS);
            } else {
                print!("{}", args.source.load(Vec::new())?.shown());
            }
        }
        Command::Version(output) => {
            let version = env!("CARGO_PKG_VERSION");
            if output.json {
                println!("{}", serde_json::json!({ "version": version }));
            } else {
                println!("samband {version}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
