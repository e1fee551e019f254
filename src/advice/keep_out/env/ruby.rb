# frozen_string_literal: true

# {{ variable }} from the environment.
#
# The file that {{ variable }}_FILE names goes first: Docker, Compose and
# Kubernetes mount a secret as a file, and a file is not handed on to child processes.

NAME = "{{ variable }}"

# Says why the key could not be had, and never holds the key.
class MissingKeyError < StandardError
  def initialize(reason)
    super("#{NAME}: #{reason}")
  end
end

# The key, without the line break that files end with.
def {{ snake }}
  path = ENV.fetch("#{NAME}_FILE", "")
  if path.empty?
    source = "the variable"
    key = ENV.fetch(NAME) { raise MissingKeyError, "neither #{NAME} nor #{NAME}_FILE is set" }
  else
    source = "the file #{path}"
    key = File.read(path).sub(/[\r\n]+\z/, "")
  end
  raise MissingKeyError, "#{source} is empty" if key.empty?

  key
rescue SystemCallError => e
  raise MissingKeyError, "cannot read #{path}: #{e.class}"
end

if $PROGRAM_NAME == __FILE__
  begin
    warn "#{NAME}: #{ {{- snake }}.length} characters"
  rescue MissingKeyError => e
    abort e.message
  end
end
