# Calls a function of a snippet (file, function) and prints the SHA-256 of what it gives.
require "digest"

file, name = ARGV
require File.expand_path(file)
puts Digest::SHA256.hexdigest(send(name))
