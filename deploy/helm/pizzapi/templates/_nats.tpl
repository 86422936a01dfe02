{{/* The configuration of nats-server. A server restarts when it changes. */}}
{{- define "pizzapi.natsConfig" -}}
server_name: $POD_NAME
port: 4222
http_port: 8222
pid_file: "/var/run/nats/nats.pid"
# A stopping server hands its streams over, then disconnects its clients little by little.
lame_duck_grace_period: "10s"
lame_duck_duration: "30s"

jetstream {
  store_dir: "/data"
  max_file_store: {{ .Values.nats.storage.maxFileStore }}
  # An acknowledged write is on the disk, also when all servers lose power at once.
  sync_interval: "always"
}

websocket {
  port: 8080
  # TLS ends at the Ingress.
  no_tls: true
  compression: false
}
{{- if gt (int .Values.nats.replicas) 1 }}

cluster {
  name: {{ (printf "%s-nats" (include "pizzapi.fullname" .)) | quote }}
  port: 6222
  # Processes know the servers by the names of their pods.
  no_advertise: true
  authorization { user: "route", password: $NATS_ROUTE_PASSWORD_QUOTED, timeout: 10 }
  routes: [
    {{- range $index := until (int .Values.nats.replicas) }}
    $ROUTE_{{ $index }}
    {{- end }}
  ]
}
{{- end }}

include "accounts.conf"
{{- end }}
