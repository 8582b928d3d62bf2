//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use samband_server::Config;
use samband_server::config::Layers;

type Flags = Vec<(&'static str, toml::Value)>;

/// An open, self-hosted communications platform that speaks the wire protocols of Azure
/// Communication Services.
#[derive(Parser)]
#[command(name = "samband", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Start a development server: a known key, everything in one process
    Dev(DevArgs),
    /// Start a server as a configuration file says
    Serve(ServeArgs),
    /// Run a command beside a throw-away server on a free port
    Run(RunArgs),
    /// Resources of a running server
    #[command(subcommand)]
    Resource(ResourceCommand),
    /// Access keys of a resource
    #[command(subcommand)]
    Key(KeyCommand),
    /// Users of a resource
    #[command(subcommand)]
    User(UserCommand),
    /// Access tokens of users
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print events as they happen
    Tail(TailArgs),
    /// Tell whether a server is ready
    Ready(ReadyArgs),
    /// Move what is stored
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the version
    Version(Output),
}

/// What `dev` and `serve` share.
#[derive(Args)]
pub struct ServerFlags {
    /// Address of the HTTPS listener; port 0 takes any free one [default: 127.0.0.1:7443]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address of a listener without TLS
    #[arg(long, value_name = "ADDR")]
    pub http_listen: Option<SocketAddr>,
    /// PostgreSQL instead of the embedded store: postgres://user:password@host:port/database
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// What carries events between nodes that share a store: nats://host:port
    #[arg(long, value_name = "URL")]
    pub bus: Option<String>,
    /// The data directory [default: ./samband-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep nothing on disk
    #[arg(long, conflicts_with_all = ["data", "store"])]
    pub memory: bool,
    /// Once ready, write the variables that clients need, for a shell to read
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// The limits: samband's own, or those of Azure Communication Services
    #[arg(long, value_enum, value_name = "PROFILE")]
    pub limits: Option<LimitsProfile>,
    /// Refuse api-versions that are not known
    #[arg(long)]
    pub strict_api_version: bool,
    /// Log format
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Log level: error, warn, info, debug, trace, or a filter
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LimitsProfile {
    Default,
    Acs,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl ServerFlags {
    pub fn layer(&self) -> Flags {
        let mut flags: Flags = Vec::new();
        let mut text = |key, value: Option<String>| {
            if let Some(value) = value {
                flags.push((key, toml::Value::String(value)));
            }
        };
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        text("server.listen", self.listen.map(|address| address.to_string()));
        text(
            "server.http_listen",
            self.http_listen.map(|address| address.to_string()),
        );
        text("server.env_file", self.env_file.as_ref().map(path));
        text("store.url", self.store.clone());
        text("bus.url", self.bus.clone());
        text("store.data", self.data.as_ref().map(path));
        text("log.level", self.log_level.clone());
        let profile = self.limits.map(|profile| match profile {
            LimitsProfile::Default => "default",
            LimitsProfile::Acs => "acs",
        });
        text("limits.profile", profile.map(str::to_owned));
        let format = self.log_format.map(|format| match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        });
        text("log.format", format.map(str::to_owned));
        if self.memory {
            flags.push(("store.memory", toml::Value::Boolean(true)));
        }
        if self.strict_api_version {
            flags.push(("server.strict_api_version", toml::Value::Boolean(true)));
        }
        flags
    }
}

/// Where a configuration comes from.
#[derive(Args)]
pub struct ConfigSource {
    /// The configuration file (TOML)
    #[arg(short, long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ConfigSource {
    pub fn load(&self, flags: Flags) -> Result<Config> {
        let file = match &self.config {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
                Some((path.display().to_string(), text))
            }
        };
        Ok(Config::load(Layers {
            file,
            environment: std::env::vars().collect(),
            flags,
        })?)
    }
}

#[derive(Args)]
pub struct DevArgs {
    #[command(flatten)]
    pub source: ConfigSource,
    #[command(flatten)]
    pub server: ServerFlags,
    /// The access key (Base64) instead of the published one
    #[arg(long, value_name = "BASE64", conflicts_with = "random_key")]
    pub key: Option<String>,
    /// A random access key instead of the published one
    #[arg(long)]
    pub random_key: bool,
}

#[derive(Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub source: ConfigSource,
    #[command(flatten)]
    pub server: ServerFlags,
}

#[derive(Args)]
pub struct RunArgs {
    /// One more variable for the command: NAME=connection-string, endpoint, key or token
    #[arg(long = "set", value_name = "NAME=WHAT")]
    pub set: Vec<String>,
    /// PostgreSQL instead of a store in memory: postgres://user:password@host:port/database
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// What carries events between nodes that share a store: nats://host:port
    #[arg(long, value_name = "URL")]
    pub bus: Option<String>,
    /// The limits: samband's own, or those of Azure Communication Services
    #[arg(long, value_enum, value_name = "PROFILE")]
    pub limits: Option<LimitsProfile>,
    /// Log level: error, warn, info, debug, trace, or a filter
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// How to reach a running server: flags, then variables, then the file in its data directory.
#[derive(Args, Clone)]
pub struct Connection {
    /// The server's URL
    #[arg(long, env = "SAMBAND_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// The admin token
    #[arg(long, env = "SAMBAND_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub admin_token: Option<String>,
    /// The CA that signed the server's certificate (PEM)
    #[arg(long, env = "SAMBAND_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The data directory of a server on this machine
    #[arg(long, value_name = "DIR", default_value = "./samband-data")]
    pub data: PathBuf,
}

#[derive(Args, Clone)]
pub struct Output {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A resource of a running server.
#[derive(Args, Clone)]
pub struct OfResource {
    /// The resource [default: the server's default resource]
    #[arg(long, value_name = "NAME")]
    pub resource: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Subcommand)]
pub enum ResourceCommand {
    /// Create a resource
    Create {
        name: String,
        /// A port of its own, for names that do not resolve
        #[arg(long)]
        port: Option<u16>,
        /// Where its data is said to be at rest
        #[arg(long, value_name = "LOCATION")]
        data_location: Option<String>,
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        output: Output,
    },
    /// List the resources
    List {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        output: Output,
    },
    /// Delete a resource; its keys and tokens stop working at once
    Delete {
        name: String,
        #[command(flatten)]
        connection: Connection,
    },
}

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Show the keys and connection strings
    Show {
        #[command(flatten)]
        of: OfResource,
    },
    /// Replace a key; the old one and the tokens made with it stop working at once
    Rotate {
        #[command(flatten)]
        which: WhichKey,
        #[command(flatten)]
        of: OfResource,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct WhichKey {
    #[arg(long)]
    pub primary: bool,
    #[arg(long)]
    pub secondary: bool,
    /// The key that signs user access tokens; tokens signed by the old one stay valid
    #[arg(long)]
    pub signing: bool,
}

#[derive(Subcommand)]
pub enum UserCommand {
    /// Create a user and print its id
    Create {
        #[command(flatten)]
        of: OfResource,
    },
    /// List the users with connected endpoints
    Connected {
        #[command(flatten)]
        of: OfResource,
    },
    /// Delete a user; its tokens stop working at once
    Delete {
        /// The user's id, 8:acs:...
        user: String,
        #[command(flatten)]
        of: OfResource,
    },
}

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Issue an access token and print it
    Issue {
        /// The user's id, 8:acs:...
        user: String,
        /// Scopes, joined by commas: chat, voip, chat.join, chat.join.limited, voip.join
        #[arg(long, value_name = "SCOPES", default_value = "chat")]
        scope: String,
        /// How long it lives, 60m to 24h
        #[arg(long, value_name = "DURATION", value_parser = minutes)]
        expires: Option<u64>,
        #[command(flatten)]
        of: OfResource,
    },
    /// Revoke all tokens of a user
    Revoke {
        /// The user's id, 8:acs:...
        user: String,
        #[command(flatten)]
        of: OfResource,
    },
}

/// `90m`, `24h`, or minutes as a plain number.
fn minutes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix('m') {
        Some(digits) => (digits, 1),
        None => match text.strip_suffix('h') {
            Some(digits) => (digits, 60),
            None => (text, 1),
        },
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("'{text}' is not a duration such as 60m or 24h"))?;
    number.checked_mul(unit).ok_or_else(|| format!("'{text}' is too long"))
}

/// The live events of a resource, of some of its threads, or of a user.
#[derive(Args)]
pub struct TailArgs {
    /// Only this thread; may be given several times
    #[arg(long, value_name = "ID")]
    pub thread: Vec<String>,
    /// What this user hears, instead of what happens in the resource's threads
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
    /// Only events of this type, such as Microsoft.Communication.ChatMessageReceivedInThread; may be
    /// given several times
    #[arg(long, value_name = "TYPE")]
    pub r#type: Vec<String>,
    /// Begin after this position instead of now
    #[arg(long, value_name = "POSITION")]
    pub after: Option<String>,
    #[command(flatten)]
    pub of: OfResource,
}

#[derive(Args)]
pub struct ReadyArgs {
    /// Wait until it is
    #[arg(long)]
    pub wait: bool,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Subcommand)]
pub enum MigrateCommand {
    /// Copy everything from one store to another and compare the two; the same again goes on after a break
    Store(MigrateStoreArgs),
}

#[derive(Args)]
pub struct MigrateStoreArgs {
    /// The store to copy: sqlite:DIR (a data directory) or postgres://user:password@host:port/database
    #[arg(long, value_name = "URL")]
    pub from: StoreUrl,
    /// An empty store to copy to, in the same form; what is missing of it is made
    #[arg(long, value_name = "URL")]
    pub to: StoreUrl,
    /// Go on although other programs are connected to a database; what they change may be missing
    #[arg(long)]
    pub force: bool,
    /// Only count what there is to copy
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Output,
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

impl std::str::FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(directory) = text.strip_prefix("sqlite:").filter(|directory| !directory.is_empty()) {
            return Ok(Self::Sqlite(directory.into()));
        }
        match ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            true => Ok(Self::Postgres(text.to_owned())),
            false => Err("it is neither sqlite:DIR nor postgres://user:password@host:port/database".to_owned()),
        }
    }
}

#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Check a configuration
    Check(ConfigSource),
    /// Print the configuration that would be used
    Show(ShowArgs),
}

#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub source: ConfigSource,
    /// Print the documented defaults instead
    #[arg(long)]
    pub defaults: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn stores_are_directories_or_postgres_urls() {
        use super::StoreUrl;
        let postgres = "postgres://user:password@host/database";
        assert_eq!(postgres.parse(), Ok(StoreUrl::Postgres(postgres.to_owned())));
        assert_eq!("sqlite:/a/b".parse(), Ok(StoreUrl::Sqlite("/a/b".into())));
        assert_eq!("sqlite:b".parse(), Ok(StoreUrl::Sqlite("b".into())));
        for wrong in ["", "sqlite:", "/a/b", "mysql://host/database"] {
            assert!(wrong.parse::<StoreUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_minutes_or_hours() {
        assert_eq!(super::minutes("60m"), Ok(60));
        assert_eq!(super::minutes("24h"), Ok(1440));
        assert_eq!(super::minutes("90"), Ok(90));
        assert!(super::minutes("soon").is_err());
    }
}
