{{/* What every pod has: (list $ "gateway"). It can do nothing at the API server, and runs as no root. */}}
{{- define "pizzapi.pod" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ include "pizzapi.fullname" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "pizzapi.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Spreads the pods of a component over zones and nodes: (list $ "gateway" "ScheduleAnyway"). */}}
{{- define "pizzapi.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: {{ index . 2 }}
    labelSelector:
      matchLabels: {{- include "pizzapi.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "pizzapi.selector" . | nindent 8 }}
{{- end }}

{{/*
The probes of a process of ours. /livez answers as long as the process is alive, also while it has lost nats-server: a
restart would not bring that back.
*/}}
{{- define "pizzapi.probes" -}}
startupProbe:
  httpGet: { path: /livez, port: health }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /livez, port: health }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: health }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{/* Allows a drain of a node to stop one pod at a time: (list $ "gateway"). */}}
{{- define "pizzapi.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "pizzapi.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "pizzapi.selector" . | nindent 6 }}
{{- end }}
