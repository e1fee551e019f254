//! One exchange with a host: a request and the redirects that it leads to.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response};
use url::Url;

use super::error::{ErrorKind, RegistryError};
use super::guard;
use super::hosts::Host;
use crate::limits::REGISTRY_REDIRECTS;

/// One exchange, before redirects.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) body: Option<Body<'a>>,
}

/// What is posted.
pub(super) struct Body<'a> {
    pub(super) media_type: &'a str,
    pub(super) bytes: String,
}

/// Sends a call and follows redirects, a bounded number of them and only where the guard lets them lead.
/// What logs in is sent to the very host, scheme and port that it is for, and no more once a redirect
/// has left them.
pub(super) async fn follow(
    host: &Host,
    call: Call<'_>,
    timeout: Duration,
    headers: &[(HeaderName, HeaderValue)],
) -> Result<Response, RegistryError> {
    let base = host.base().await?;
    let Call { method, mut url, mut authorization, mut body } = call;
    let first = url.origin();
    for _ in 0..=REGISTRY_REDIRECTS {
        if url.origin() != first {
            authorization = None;
        }
        let own = url.origin() == base.origin();
        let mut request = host.client(own).request(method.clone(), url.clone());
        request = request.header(ACCEPT_ENCODING, "identity");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(authorization) = &authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = &body {
            request = request.header(CONTENT_TYPE, body.media_type).body(body.bytes.clone());
        }
        let name = if own { host.name.clone() } else { guard::place(&url) };
        let sent = tokio::time::timeout(timeout, request.send()).await;
        if own {
            let answered = matches!(sent, Ok(Ok(_)));
            if answered { host.silence.end() } else { host.silence.go_on() }
        }
        let late = |_| RegistryError::new(ErrorKind::TimedOut, format!("{name} does not answer in time"));
        let broken = |error| host.with_proxy(RegistryError::of_connection(&name, &error));
        let response = sent.map_err(late)?.map_err(broken)?;
        let Some(location) = redirect(&response) else { return Ok(response) };
        if body.take().is_some() {
            let message = format!("{name} redirects a login, which is not followed");
            return Err(RegistryError::new(ErrorKind::Guarded, message));
        }
        let wrong = |_| RegistryError::new(ErrorKind::Invalid, format!("{name} redirects to no address"));
        url = url.join(&location).map_err(wrong)?;
        // A name in an address would be sent as credentials.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        guard::check(base, host.reach(), &url)?;
    }
    let message = format!("{} redirects more than {REGISTRY_REDIRECTS} times", host.name);
    Err(RegistryError::new(ErrorKind::Guarded, message))
}

fn redirect(response: &Response) -> Option<String> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| is_redirect)?;
    location.to_str().ok().map(str::to_owned)
}
