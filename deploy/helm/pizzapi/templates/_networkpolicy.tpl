{{/*
A NetworkPolicy: (list $ <name> <component> (dict "ingress" <rules> "egress" <rules>)). A rule is (dict "peers" … "ports" …). A peer is
one of Kubernetes, or (dict "component" "nats") for pods of this release. A direction without rules is denied.
*/}}
{{- define "pizzapi.networkPolicy" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $component := index . 2 -}}
{{- $directions := index . 3 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "pizzapi.fullname" $root }}-{{ $name }}
  labels: {{- include "pizzapi.labels" (list $root $component) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "pizzapi.selector" (list $root $component) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- range $direction, $key := dict "ingress" "from" "egress" "to" }}
  {{- with index $directions $direction }}
  {{ $direction }}:
    {{- range . }}
    - {{ $key }}:
        {{- range .peers }}
        {{- if .component }}
        - podSelector:
            matchLabels: {{- include "pizzapi.selector" (list $root .component) | nindent 14 }}
        {{- else }}
        - {{ toYaml . | indent 10 | trim }}
        {{- end }}
        {{- else }}{{ fail (printf "networkPolicy: %s of %s has no peers; an empty list would allow everything" $direction $component) }}
        {{- end }}
      ports:
        {{- range .ports }}
        - { protocol: TCP, port: {{ . }} }
        {{- end }}
    {{- end }}
  {{- end }}
  {{- end }}
{{- end }}
