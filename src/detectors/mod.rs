//! The embedded catalogue: one TOML file a provider. `docs/detectors.md` says how to add a detector.

/// File name and text of every embedded definition file, in the order of their names.
pub const FILES: &[(&str, &str)] = &[
    ("adobe.toml", include_str!("adobe.toml")),
    ("age.toml", include_str!("age.toml")),
    ("airtable.toml", include_str!("airtable.toml")),
    ("algolia.toml", include_str!("algolia.toml")),
    ("alibaba-cloud.toml", include_str!("alibaba-cloud.toml")),
    ("anthropic.toml", include_str!("anthropic.toml")),
    ("artifactory.toml", include_str!("artifactory.toml")),
    ("asana.toml", include_str!("asana.toml")),
    ("atlassian.toml", include_str!("atlassian.toml")),
    ("aws.toml", include_str!("aws.toml")),
    ("azure.toml", include_str!("azure.toml")),
    ("brevo.toml", include_str!("brevo.toml")),
    ("buildkite.toml", include_str!("buildkite.toml")),
    ("circleci.toml", include_str!("circleci.toml")),
    ("clockwork.toml", include_str!("clockwork.toml")),
    ("cloudflare.toml", include_str!("cloudflare.toml")),
    ("confluent.toml", include_str!("confluent.toml")),
    ("databricks.toml", include_str!("databricks.toml")),
    ("datadog.toml", include_str!("datadog.toml")),
    ("digitalocean.toml", include_str!("digitalocean.toml")),
    ("discord.toml", include_str!("discord.toml")),
    ("docker-hub.toml", include_str!("docker-hub.toml")),
    ("doppler.toml", include_str!("doppler.toml")),
    ("dropbox.toml", include_str!("dropbox.toml")),
    ("duffel.toml", include_str!("duffel.toml")),
    ("dynatrace.toml", include_str!("dynatrace.toml")),
    ("easypost.toml", include_str!("easypost.toml")),
    ("elevenlabs.toml", include_str!("elevenlabs.toml")),
    ("facebook.toml", include_str!("facebook.toml")),
    ("figma.toml", include_str!("figma.toml")),
    ("frameio.toml", include_str!("frameio.toml")),
    ("gcp.toml", include_str!("gcp.toml")),
    ("github.toml", include_str!("github.toml")),
    ("gitlab.toml", include_str!("gitlab.toml")),
    ("gocardless.toml", include_str!("gocardless.toml")),
    ("grafana.toml", include_str!("grafana.toml")),
    ("groq.toml", include_str!("groq.toml")),
    ("hashicorp.toml", include_str!("hashicorp.toml")),
    ("heroku.toml", include_str!("heroku.toml")),
    ("huggingface.toml", include_str!("huggingface.toml")),
    ("intercom.toml", include_str!("intercom.toml")),
    ("jdbc.toml", include_str!("jdbc.toml")),
    ("jwt.toml", include_str!("jwt.toml")),
    ("klaviyo.toml", include_str!("klaviyo.toml")),
    ("linear.toml", include_str!("linear.toml")),
    ("lob.toml", include_str!("lob.toml")),
    ("mailchimp.toml", include_str!("mailchimp.toml")),
    ("mailgun.toml", include_str!("mailgun.toml")),
    ("mapbox.toml", include_str!("mapbox.toml")),
    ("messagebird.toml", include_str!("messagebird.toml")),
    ("mongodb.toml", include_str!("mongodb.toml")),
    ("mysql.toml", include_str!("mysql.toml")),
    ("netlify.toml", include_str!("netlify.toml")),
    ("newrelic.toml", include_str!("newrelic.toml")),
    ("notion.toml", include_str!("notion.toml")),
    ("npm.toml", include_str!("npm.toml")),
    ("okta.toml", include_str!("okta.toml")),
    ("openai.toml", include_str!("openai.toml")),
    ("openrouter.toml", include_str!("openrouter.toml")),
    ("plaid.toml", include_str!("plaid.toml")),
    ("planetscale.toml", include_str!("planetscale.toml")),
    ("postgres.toml", include_str!("postgres.toml")),
    ("posthog.toml", include_str!("posthog.toml")),
    ("postman.toml", include_str!("postman.toml")),
    ("prefect.toml", include_str!("prefect.toml")),
    ("private-keys.toml", include_str!("private-keys.toml")),
    ("pulumi.toml", include_str!("pulumi.toml")),
    ("pypi.toml", include_str!("pypi.toml")),
    ("readme.toml", include_str!("readme.toml")),
    ("redis.toml", include_str!("redis.toml")),
    ("replicate.toml", include_str!("replicate.toml")),
    ("rubygems.toml", include_str!("rubygems.toml")),
    ("sendgrid.toml", include_str!("sendgrid.toml")),
    ("sentry.toml", include_str!("sentry.toml")),
    ("shippo.toml", include_str!("shippo.toml")),
    ("shopify.toml", include_str!("shopify.toml")),
    ("slack.toml", include_str!("slack.toml")),
    ("sonarqube.toml", include_str!("sonarqube.toml")),
    ("sourcegraph.toml", include_str!("sourcegraph.toml")),
    ("square.toml", include_str!("square.toml")),
    ("stripe.toml", include_str!("stripe.toml")),
    ("tailscale.toml", include_str!("tailscale.toml")),
    ("telegram.toml", include_str!("telegram.toml")),
    ("twilio.toml", include_str!("twilio.toml")),
    ("twitter.toml", include_str!("twitter.toml")),
    ("typeform.toml", include_str!("typeform.toml")),
    ("vercel.toml", include_str!("vercel.toml")),
    ("xai.toml", include_str!("xai.toml")),
    ("yandex-cloud.toml", include_str!("yandex-cloud.toml")),
];

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn every_file_of_the_folder_is_in_the_table_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/detectors");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("valid")
            .map(|entry| entry.expect("valid").file_name().into_string().expect("valid"))
            .filter(|name| name.ends_with(".toml"))
            .collect();
        names.sort();
        assert_eq!(FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    }
}
