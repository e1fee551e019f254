{{/* The release's name for everything that it has. */}}
{{- define "keyseam.name" -}}
{{- if contains "keyseam" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-keyseam" (.Release.Name | trunc 32 | trimSuffix "-") }}{{ end }}
{{- end }}

{{/* The webhook's configuration has no namespace: two releases of one name must not meet. */}}
{{- define "keyseam.webhook" -}}
{{- printf "%s-%s" (include "keyseam.name" .) .Release.Namespace }}
{{- end }}

{{- define "keyseam.selector" -}}
app.kubernetes.io/name: keyseam
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "keyseam.labels" -}}
{{ include "keyseam.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "keyseam.image" -}}
{{- $repository := required "image.repository: name the image of keyseam that you have pushed" .Values.image.repository }}
{{- if .Values.image.digest }}{{ printf "%s@%s" $repository .Values.image.digest }}{{ else }}{{ printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) }}{{ end }}
{{- end }}

{{- define "keyseam.tls" -}}
{{- if eq .Values.tls.mode "existing" }}{{ .Values.tls.existingSecret }}{{ else }}{{ include "keyseam.name" . }}-tls{{ end }}
{{- end }}

{{- define "keyseam.hashing-key" -}}
{{- .Values.hashingKey.existingSecret | default (printf "%s-hashing-key" (include "keyseam.name" .)) }}
{{- end }}
