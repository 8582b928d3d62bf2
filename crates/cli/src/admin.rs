//! `samband resource|key|user|token`: the admin API on the command line.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{KeyCommand, OfResource, Output, ResourceCommand, TokenCommand, UserCommand};
use crate::client::{Client, segment};

pub async fn resource(command: ResourceCommand) -> Result<()> {
    match command {
        ResourceCommand::Create {
            name,
            port,
            data_location,
            connection,
            output,
        } => {
            let client = Client::connect(&connection)?;
            let body = json!({ "name": name, "port": port, "dataLocation": data_location });
            let created = client.call(Method::POST, "resources", Some(body)).await?;
            print(&output, &created, || {
                format!("Created '{name}' at {}.", text(&created, "endpoint"))
            });
        }
        ResourceCommand::List { connection, output } => {
            let list = Client::connect(&connection)?
                .call(Method::GET, "resources", None)
                .await?;
            print(&output, &list, || {
                let resources = list["value"].as_array().map(Vec::as_slice).unwrap_or_default();
                let width = resources
                    .iter()
                    .map(|resource| text(resource, "name").len())
                    .max()
                    .unwrap_or(0)
                    .max(4);
                let mut lines = vec![format!("{:width$}  {:36}  ENDPOINT", "NAME", "ID")];
                lines.extend(resources.iter().map(|resource| {
                    let (id, endpoint) = (text(resource, "immutableResourceId"), text(resource, "endpoint"));
                    format!("{:width$}  {id:36}  {endpoint}", text(resource, "name"))
                }));
                lines.join("\n")
            });
        }
        ResourceCommand::Delete { name, connection } => {
            let path = format!("resources/{}", segment(&name));
            Client::connect(&connection)?.call(Method::DELETE, &path, None).await?;
            eprintln!("Deleted '{name}'.");
        }
    }
    Ok(())
}

pub async fn key(command: KeyCommand) -> Result<()> {
    match command {
        KeyCommand::Show { of } => {
            let (client, resource) = connect(&of).await?;
            let keys = client
                .call(Method::GET, &format!("resources/{resource}/keys"), None)
                .await?;
            print(&of.output, &keys, || show_keys(&keys));
        }
        KeyCommand::Rotate { which, of } if which.signing => {
            let client = Client::connect(&of.connection)?;
            let key = client.call(Method::POST, "signingKeys/:rotate", None).await?;
            print(&of.output, &key, || {
                format!("Tokens are signed with the key {} from now on.", text(&key, "kid"))
            });
        }
        KeyCommand::Rotate { which, of } => {
            let (client, resource) = connect(&of).await?;
            let slot = if which.primary { "primary" } else { "secondary" };
            let keys = client
                .call(Method::POST, &format!("resources/{resource}/keys/{slot}/:rotate"), None)
                .await?;
            print(&of.output, &keys, || show_keys(&keys));
        }
    }
    Ok(())
}

fn show_keys(keys: &Value) -> String {
    [
        "primaryKey",
        "primaryConnectionString",
        "secondaryKey",
        "secondaryConnectionString",
    ]
    .map(|name| format!("{name:26} {}", text(keys, name)))
    .join("\n")
}

pub async fn user(command: UserCommand) -> Result<()> {
    match command {
        UserCommand::Create { of } => {
            let (client, resource) = connect(&of).await?;
            let user = client
                .call(Method::POST, &format!("resources/{resource}/users"), None)
                .await?;
            print(&of.output, &user, || text(&user, "id").to_owned());
        }
        UserCommand::Connected { of } => {
            let (client, resource) = connect(&of).await?;
            let path = format!("resources/{resource}/endpoints");
            let connected = client.call(Method::GET, &path, None).await?;
            print(&of.output, &connected, || {
                let users = connected["value"].as_array().map(Vec::as_slice).unwrap_or_default();
                let mut lines = vec![format!("{:79}  ENDPOINTS", "USER")];
                lines.extend(users.iter().map(|user| {
                    let endpoints = user["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
                    let protocols: Vec<_> = endpoints.iter().map(|endpoint| text(endpoint, "protocol")).collect();
                    format!("{:79}  {}", text(user, "user"), protocols.join(", "))
                }));
                lines.join("\n")
            });
        }
        UserCommand::Delete { user, of } => {
            let (client, resource) = connect(&of).await?;
            client
                .call(
                    Method::DELETE,
                    &format!("resources/{resource}/users/{}", segment(&user)),
                    None,
                )
                .await?;
            eprintln!("Deleted {user}.");
        }
    }
    Ok(())
}

pub async fn token(command: TokenCommand) -> Result<()> {
    match command {
        TokenCommand::Issue {
            user,
            scope,
            expires,
            of,
        } => {
            let (client, resource) = connect(&of).await?;
            let scopes: Vec<_> = scope.split(',').map(str::trim).collect();
            let body = json!({ "scopes": scopes, "expiresInMinutes": expires });
            let path = format!("resources/{resource}/users/{}/:issueAccessToken", segment(&user));
            let token = client.call(Method::POST, &path, Some(body)).await?;
            print(&of.output, &token, || text(&token, "token").to_owned());
        }
        TokenCommand::Revoke { user, of } => {
            let (client, resource) = connect(&of).await?;
            let path = format!("resources/{resource}/users/{}/:revokeAccessTokens", segment(&user));
            client.call(Method::POST, &path, None).await?;
            eprintln!("Revoked the tokens of {user}.");
        }
    }
    Ok(())
}

async fn connect(of: &OfResource) -> Result<(Client, String)> {
    let client = Client::connect(&of.connection)?;
    let resource = client
        .resource(of.resource.as_deref())
        .await
        .context("finding the resource")?;
    Ok((client, resource))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn print(output: &Output, value: &Value, for_eyes: impl FnOnce() -> String) {
    if output.json {
        println!("{value}");
    } else {
        println!("{}", for_eyes());
    }
}
