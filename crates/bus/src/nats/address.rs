//! Servers as the operator writes them. async-nats 0.51 takes no user and password from a URL, and its
//! servers are logged: they are taken out here, and handed over on their own.

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use crate::BusError;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub servers: Vec<ServerAddr>,
    pub login: Option<Login>,
    /// Without secrets.
    pub shown: String,
    /// One that is written so is enough: a login never goes out in the clear because of another.
    pub has_tls: bool,
}

#[derive(PartialEq, Eq)]
pub(crate) enum Login {
    Token(String),
    User(String, String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

pub(crate) fn parse(urls: &str) -> Result<Address, BusError> {
    let mut address = Address {
        servers: Vec::new(),
        login: None,
        shown: String::new(),
        has_tls: false,
    };
    for (at, url) in urls.split(',').map(str::trim).enumerate() {
        // What cannot be read is not shown: it may hold a password.
        let refuse = |why: &str| BusError::Url(format!("server {} of the bus: {why}", at + 1));
        if !url.starts_with("nats://") && !url.starts_with("tls://") {
            return Err(refuse("a URL begins with nats:// or tls://"));
        }
        let server: ServerAddr = url.parse().map_err(|_| refuse("this is no URL"))?;
        let mut url = server.into_inner();
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refuse("the host is missing"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse(
                "nothing may follow the host and port (in a password, / ? # are written %2F %3F %23)",
            ));
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
        let user = decode(url.username()).map_err(|_| refuse("the user is not UTF-8"))?;
        let password = url.password().map(decode).transpose();
        let login = match password.map_err(|_| refuse("the password is not UTF-8"))? {
            Some(password) => Some(Login::User(user, password)),
            None if user.is_empty() => None,
            None => Some(Login::Token(user)),
        };
        if at > 0 && login != address.login {
            return Err(refuse(
                "all servers are entered in the same way: user and password, or token",
            ));
        }
        address.login = login;
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| refuse("the host is missing"))?;
        address.has_tls |= url.scheme() == "tls";
        if at > 0 {
            address.shown.push(',');
        }
        address.shown.push_str(url.as_str().trim_end_matches('/'));
        let server = ServerAddr::from_url(url).map_err(|_| refuse("this is no URL of a NATS server"))?;
        address.servers.push(server);
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out() {
        let address = parse("nats://me:p%40ss@a:4222, tls://me:p%40ss@[::1]:4223").expect("two servers");
        assert_eq!(address.login, Some(Login::User("me".into(), "p@ss".into())));
        assert_eq!(address.shown, "nats://a:4222,tls://[::1]:4223");
        assert!(address.has_tls);
        assert!(!format!("{address:?}").contains("p@ss") && !format!("{address:?}").contains("p%40ss"));
        let address = parse("nats://t0ken@a").expect("a server");
        assert_eq!(
            (address.login, address.shown.as_str()),
            (Some(Login::Token("t0ken".into())), "nats://a")
        );
        assert_eq!(parse("nats://127.0.0.1:4222").expect("a server").login, None);
    }

    #[test]
    fn what_is_no_server_is_refused_without_showing_it() {
        for wrong in [
            "",
            "a:4222",
            "http://a",
            "nats://",
            "nats://:4222",
            "nats://a:99999",
            "nats://a,",
            "nats://a/path",
            "nats://s3cret:x/y@a",
            "nats://s3cret@a,nats://b",
            "ws://a",
        ] {
            let error = parse(wrong).expect_err(wrong).to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
