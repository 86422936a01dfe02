{{/* The beginning of all names. */}}
{{- define "pizzapi.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* The labels that select the pods of a component: (list $ "gateway"). */}}
{{- define "pizzapi.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "pizzapi.labels" -}}
{{ include "pizzapi.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
{{- end }}

{{- define "pizzapi.metadata" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
name: {{ include "pizzapi.fullname" $root }}-{{ $component }}
labels: {{- include "pizzapi.labels" . | nindent 2 }}
{{- end }}

{{/* An image of ours: (list $ "gateway"). */}}
{{- define "pizzapi.image" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.image -}}
image: {{ printf "%s/%s:%s" .registry (index $ 1) (default $root.Chart.AppVersion .tag) }}
imagePullPolicy: {{ .pullPolicy }}
{{- end -}}
{{- end }}

{{- define "pizzapi.credentials" -}}
{{- default (printf "%s-credentials" (include "pizzapi.fullname" .)) .Values.secrets.existingSecret -}}
{{- end }}

{{/* A variable that names the file of a credential, which `pizzapi.credentialsVolume` mounts: (list "PIZZAPI_NATS_NKEY" "gateway-nkey"). */}}
{{- define "pizzapi.secretFile" -}}
- name: {{ index . 0 }}_FILE
  value: /run/secrets/pizzapi/{{ index . 1 }}
{{- end }}

{{/* The credentials of one process as files, and nothing else of the Secret: (list $ "gateway-nkey" "gateway-secret"). */}}
{{- define "pizzapi.credentialsVolume" -}}
- name: credentials
  secret:
    secretName: {{ include "pizzapi.credentials" (index . 0) }}
    defaultMode: 288 # 0440
    items:
      {{- range rest . }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- end }}

{{- define "pizzapi.credentialsMount" -}}
- { name: credentials, mountPath: /run/secrets/pizzapi, readOnly: true }
{{- end }}

{{/* Variables in the order of their names: (list <map of the chart> <map of the values>). */}}
{{- define "pizzapi.variables" -}}
{{- $own := index . 0 -}}
{{- range $name, $_ := index . 1 }}
{{- if hasKey $own $name }}{{ fail (printf "%s has a value of its own, or is what the chart sets; it is no further option" $name) }}{{ end }}
{{- end }}
{{- range $name, $value := merge (deepCopy $own) (index . 1) }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The variables of every process of ours. */}}
{{- define "pizzapi.commonVariables" -}}
PIZZAPI_LOG_LEVEL: {{ .Values.logLevel | quote }}
PIZZAPI_HEALTH_HOST: 0.0.0.0
PIZZAPI_HEALTH_PORT: "9464"
{{- end }}

{{/* The variables of a process that sends spans. */}}
{{- define "pizzapi.tracingVariables" -}}
{{- with .Values.tracing.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
{{- end }}
{{- end }}

{{/* The variables of the services: where nats-server is, and how the log is divided. */}}
{{- define "pizzapi.serviceVariables" -}}
{{ include "pizzapi.commonVariables" . }}
PIZZAPI_NATS_URL: {{ include "pizzapi.natsUrl" . | quote }}
PIZZAPI_PARTITIONS: {{ .Values.partitions | quote }}
{{- end }}

{{/* The variables of what creates the streams: `pizzapi provision`, and `pizzapi restore`. */}}
{{- define "pizzapi.storeVariables" -}}
PIZZAPI_NATS_URL: {{ include "pizzapi.natsUrl" . | quote }}
PIZZAPI_PARTITIONS: {{ .Values.partitions | quote }}
PIZZAPI_REPLICAS: {{ .Values.provision.replicas | quote }}
PIZZAPI_LOG_WHEN_FULL: {{ .Values.provision.logWhenFull | quote }}
{{- range $name, $size := dict
  "PIZZAPI_LOG_STORAGE" .Values.provision.storage.log
  "PIZZAPI_FILE_STORAGE" .Values.provision.storage.files
  "PIZZAPI_COMMAND_STORAGE" .Values.provision.storage.commands
  "PIZZAPI_AUDIT_STORAGE" .Values.provision.storage.audit
  "PIZZAPI_STATE_STORAGE" .Values.provision.storage.state }}
{{- if $size }}
{{ $name }}: {{ $size | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pizzapi.publicUrl" -}}
{{- if .Values.publicUrl -}}
{{- .Values.publicUrl -}}
{{- else if .Values.ingress.enabled -}}
https://{{ .Values.ingress.host }}
{{- else -}}
http://pizzapi.localhost:7492
{{- end -}}
{{- end }}

{{/* The addresses of nats-server: every server by its own name, so that a process reconnects to another one. */}}
{{- define "pizzapi.natsAddresses" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-nats" (include "pizzapi.fullname" $root) -}}
{{- $urls := list -}}
{{- range $index := until (int $root.Values.nats.replicas) -}}
{{- $urls = append $urls (printf "%s://%s-%d:%d" (index $ 1) $name $index (index $ 2)) -}}
{{- end -}}
{{- join "," $urls -}}
{{- end }}

{{- define "pizzapi.natsUrl" -}}
{{- if eq .Values.nats.mode "own" -}}
{{- include "pizzapi.natsAddresses" (list . "nats" 4222) -}}
{{- else -}}
{{- required "nats.external.url names the nats-servers" .Values.nats.external.url -}}
{{- end -}}
{{- end }}

{{- define "pizzapi.natsWebSocketUrl" -}}
{{- if eq .Values.nats.mode "own" -}}
{{- include "pizzapi.natsAddresses" (list . "ws" 8080) -}}
{{- else -}}
{{- required "nats.external.websocketUrl names the nats-servers" .Values.nats.external.websocketUrl -}}
{{- end -}}
{{- end }}
