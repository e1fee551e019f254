//! The embedded catalogue: one TOML file a provider. `docs/detectors.md` says how to add a detector.

/// File name and text of every embedded definition file, in the order of their names.
pub const FILES: &[(&str, &str)] = &[
    ("adobe.toml", include_str!("adobe.toml")),
    ("airtable.toml", include_str!("airtable.toml")),
    ("algolia.toml", include_str!("algolia.toml")),
    ("alibaba-cloud.toml", include_str!("alibaba-cloud.toml")),
    ("asana.toml", include_str!("asana.toml")),
    ("brevo.toml", include_str!("brevo.toml")),
    ("buildkite.toml", include_str!("buildkite.toml")),
    ("circleci.toml", include_str!("circleci.toml")),
    ("clockwork.toml", include_str!("clockwork.toml")),
    ("datadog.toml", include_str!("datadog.toml")),
    ("digitalocean.toml", include_str!("digitalocean.toml")),
    ("doppler.toml", include_str!("doppler.toml")),
    ("dropbox.toml", include_str!("dropbox.toml")),
    ("duffel.toml", include_str!("duffel.toml")),
    ("dynatrace.toml", include_str!("dynatrace.toml")),
    ("easypost.toml", include_str!("easypost.toml")),
    ("elevenlabs.toml", include_str!("elevenlabs.toml")),
    ("facebook.toml", include_str!("facebook.toml")),
    ("figma.toml", include_str!("figma.toml")),
    ("frameio.toml", include_str!("frameio.toml")),
    ("gocardless.toml", include_str!("gocardless.toml")),
    ("heroku.toml", include_str!("heroku.toml")),
    ("huggingface.toml", include_str!("huggingface.toml")),
    ("jdbc.toml", include_str!("jdbc.toml")),
    ("klaviyo.toml", include_str!("klaviyo.toml")),
    ("linear.toml", include_str!("linear.toml")),
    ("lob.toml", include_str!("lob.toml")),
    ("mailchimp.toml", include_str!("mailchimp.toml")),
    ("mailgun.toml", include_str!("mailgun.toml")),
    ("messagebird.toml", include_str!("messagebird.toml")),
    ("mysql.toml", include_str!("mysql.toml")),
    ("netlify.toml", include_str!("netlify.toml")),
    ("newrelic.toml", include_str!("newrelic.toml")),
    ("notion.toml", include_str!("notion.toml")),
    ("okta.toml", include_str!("okta.toml")),
    ("openrouter.toml", include_str!("openrouter.toml")),
    ("plaid.toml", include_str!("plaid.toml")),
    ("planetscale.toml", include_str!("planetscale.toml")),
    ("postgres.toml", include_str!("postgres.toml")),
    ("posthog.toml", include_str!("posthog.toml")),
    ("postman.toml", include_str!("postman.toml")),
    ("prefect.toml", include_str!("prefect.toml")),
    ("pulumi.toml", include_str!("pulumi.toml")),
    ("readme.toml", include_str!("readme.toml")),
    ("redis.toml", include_str!("redis.toml")),
    ("replicate.toml", include_str!("replicate.toml")),
    ("rubygems.toml", include_str!("rubygems.toml")),
    ("shippo.toml", include_str!("shippo.toml")),
    ("shopify.toml", include_str!("shopify.toml")),
    ("sonarqube.toml", include_str!("sonarqube.toml")),
    ("sourcegraph.toml", include_str!("sourcegraph.toml")),
    ("square.toml", include_str!("square.toml")),
    ("tailscale.toml", include_str!("tailscale.toml")),
    ("twilio.toml", include_str!("twilio.toml")),
    ("twitter.toml", include_str!("twitter.toml")),
    ("typeform.toml", include_str!("typeform.toml")),
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
