{{- /* The variables: first those of secrets, by name, then env. */}}
{{- define "sse-gateway.env" -}}
{{- range $name, $from := .Values.secrets }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.name }}
      key: {{ $from.key }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* A probe, from its path and its timing. */}}
{{- define "sse-gateway.probe" -}}
httpGet:
  path: {{ first . }}
  port: admin
{{ toYaml (last .) }}
{{- end }}
