//! The notations in which programs, tools and files give a value to a name, each with detectors of every
//! kind that knows names. What only looks like one gives nothing.

mod named;

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::template::{Seed, expand};
use keyseam::detect::{DetectorSet, Place, Scratch, Window};

use self::named::NAMED;
use super::examples::fresh_seed;

/// A detector, what stands for the words of its name, and the template of a key.
struct Subject {
    id: &'static str,
    brand: &'static str,
    key: &'static str,
}

/// Of names, of a section, of a brand.
const SUBJECTS: [Subject; 3] = [
    Subject { id: "datadog-api-key", brand: "datadog", key: "{{hex:31}}7" },
    Subject { id: "messagebird-access-key", brand: "messagebird", key: "A{{base62:22}}7b" },
    Subject { id: "bannerbear-api-key", brand: "bannerbear", key: "{{base62:22}}tt" },
];

/// Texts in which `{{key}}` is the value of a key's everyday name in what is the brand's.
const IN_SECTION: &[&str] = &[
    "'brand' => ['api_key' => env('OTHER', '{{key}}')],\n",
    "'brand' => [\n    'api_key' => env('BRAND_KEY', '{{key}}'),\n],\n",
    "brand:\n  api_key: {{key}}\n",
    "brand:\n  region: eu\n  api_key: \"{{key}}\"\n",
    "[brand]\napi_key = {{key}}\n",
    "[tool.brand]\napi_key = \"{{key}}\"\n",
    "{\"brand\": {\"api_key\": \"{{key}}\"}}",
    "provider \"brand\" {\n  api_key = \"{{key}}\"\n}\n",
    "provider \"brand\" {\n  region  = \"eu\"\n  api_key = \"{{key}}\"\n}\n",
    "config :brand, api_key: \"{{key}}\"\n",
    "config :brand,\n  api_key: \"{{key}}\"\n",
    "Brand.configure { |c| c.api_key = '{{key}}' }\n",
    "Brand.configure do |c|\n  c.api_key = '{{key}}'\nend\n",
    "Brand.configure do |config|\n  config.enabled = true\n  config.api_key = '{{key}}'\nend\n",
    "Brand.config.api_key = '{{key}}'\n",
    "Brand.api_key = '{{key}}'\n",
    "Brand::Config.api_key = '{{key}}'\n",
    "initializer 'brand' do |app|\n  app.config.api_key = '{{key}}'\nend\n",
    "from brand import api\nbrand.api_key = \"{{key}}\"\n",
    "brand.initialize(api_key=\"{{key}}\")\n",
    "brand.init({ apiKey: '{{key}}' })\n",
    "brand.init({\n  host: 'h',\n  apiKey: '{{key}}',\n})\n",
    "const brand = new Client({ apiKey: '{{key}}' })\n",
    "new Brand({ apiKey: '{{key}}' })\n",
    "Brand.Config(apiKey = \"{{key}}\")\n",
    "brand.NewClient(brand.Options{APIKey: \"{{key}}\"})\n",
    "vault kv put secret/brand api_key={{key}}\n",
    "Brand\\Client::setApiKey('{{key}}')\n",
    "Brand.setApiKey(\"{{key}}\");\n",
    "Brand.ApiKey = \"{{key}}\";\n",
    "services.AddBrand(o => o.ApiKey = \"{{key}}\");\n",
    "services.AddBrand(options => {\n  options.ApiKey = \"{{key}}\";\n});\n",
    "<brand>\n  <api_key>{{key}}</api_key>\n</brand>\n",
    "<brand api_key=\"{{key}}\"/>\n",
    "<brand:config api-key=\"{{key}}\"/>\n",
    "output {\n  brand {\n    api_key => \"{{key}}\"\n  }\n}\n",
    "brand {\n  api_key = \"{{key}}\"\n}\n",
    "<match brand>\n  @type brand\n  api_key {{key}}\n</match>\n",
    "[OUTPUT]\n    Name brand\n    apikey {{key}}\n",
    "[sinks.x]\ntype = \"brand\"\napi_key = \"{{key}}\"\n",
];

/// Texts that name a key and hold something of its shape that is not assigned to the name.
const NOT_ASSIGNED: &[&str] = &[
    "if BRAND_API_KEY == '{{key}}'\n",
    "if (brandApiKey === '{{key}}') {}\n",
    "if (brandApiKey !== '{{key}}') {}\n",
    "[ \"$BRAND_API_KEY\" != \"{{key}}\" ]\n",
    "assert_eq!(brand_api_key, \"{{key}}\");\n",
    "assertEquals(brandApiKey, \"{{key}}\");\n",
    "brand_api_key =~ /{{key}}/\n",
    "unless brand_api_key eq '{{key}}'\n",
    "brand_api_key: other\nsha: {{key}}\n",
    "BRAND_API_KEY=\n{{key}}\n",
    "BRAND_API_KEY is read by {{key}}\n",
    "the Brand API key {{key}} was\n",
    "brand_api_key:\n  file: x\nother:\n  default: {{key}}\n",
    "BrandApiKey:\n  Type: String\nImage:\n  Default: {{key}}\n",
    "{\"BrandApiKey\": {\"Type\": \"String\"}, \"Image\": {\"Default\": \"{{key}}\"}}",
    "variable \"brand_api_key\" {\n  type = string\n}\nvariable \"image\" {\n  default = \"{{key}}\"\n}\n",
    "[{\"value\": \"{{key}}\"}, {\"name\": \"BRAND_API_KEY\"}]",
    "- value: {{key}}\n- name: BRAND_API_KEY\n",
    "- name: A\n  value: {{key}}\n- name: BRAND_API_KEY\n  valueFrom: x\n",
    "{\"name\": \"COMMIT\", \"value\": \"{{key}}\", \"b\": {\"name\": \"BRAND_API_KEY\"}}",
    "- name: BRAND_API_KEY\n- name: COMMIT\n  value: {{key}}\n",
    "[{\"name\":\"BRAND_API_KEY\"},{\"name\":\"COMMIT\",\"value\":\"{{key}}\"}]",
    "tool -vDbrand --sha {{key}}\n",
    "gh secret set BRAND_API_KEY && git checkout {{key}}\n",
    "aws ssm put-parameter --name brand_api_key --type x; tool --value {{key}}\n",
    "<td>BRAND_API_KEY</td></tr><tr><td>{{key}}</td>\n",
    "| BRAND_API_KEY | |\n| {{key}} |\n",
    "git log brand/api_key {{key}}\n",
    "f(brand_api_key, {{key}})\n",
    "Brand.configure\n\n\n\n\n\n\n\napi_key = {{key}}\n",
];

fn spelled(text: &str, brand: &str) -> String {
    let capital = format!("{}{}", brand[..1].to_uppercase(), &brand[1..]);
    text.replace("BRAND", &brand.to_uppercase()).replace("Brand", &capital).replace("brand", brand)
}

/// The texts, with how many keys of the subject are found in each that are `{{key}}`.
fn found_in(texts: &[&'static str], subject: &Subject, seed: u64) -> Vec<(&'static str, bool)> {
    let catalogue = Catalogue::embedded().expect("valid");
    let set = DetectorSet::new(&catalogue).expect("valid");
    let mut scratch = Scratch::default();
    let mut found = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let mut seed = Seed(seed.wrapping_add(number as u64));
        let key = expand(subject.key, "", &mut seed).expect("valid");
        let bytes = spelled(text, subject.brand).replace("{{key}}", &key).into_bytes();
        let owned = 0..bytes.len();
        let (place, path) = (Place::File, b"srv/app/file".as_slice());
        let window = Window { bytes: &bytes, owned, starts: true, ends: true, place, path };
        let mut hits = Vec::new();
        set.scan(&window, &mut scratch, &mut hits);
        let is_it = hits
            .iter()
            .any(|hit| set.definition(hit.detector).id == subject.id && hit.key.expose() == key.as_bytes());
        found.push((*text, is_it));
    }
    found
}

fn all_of(texts: &[&'static str], wanted: bool) {
    let seed = fresh_seed();
    let mut wrong = Vec::new();
    for subject in &SUBJECTS {
        let found = found_in(texts, subject, seed);
        wrong.extend(found.iter().filter(|(_, is)| *is != wanted).map(|(text, _)| (subject.id, *text)));
    }
    let lines: Vec<String> = wrong.iter().map(|(id, text)| format!("{id}: {text:?}")).collect();
    assert!(wrong.is_empty(), "seed {seed}, {} wrong:\n{}", wrong.len(), lines.join("\n"));
}

#[test]
fn names_are_given_values_in_many_notations() {
    all_of(NAMED, true);
}

#[test]
fn sections_hold_keys_in_many_notations() {
    all_of(IN_SECTION, true);
}

#[test]
fn what_is_no_assignment_gives_nothing() {
    all_of(NOT_ASSIGNED, false);
}
