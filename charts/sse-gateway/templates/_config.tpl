{{- /* The configuration as TOML. Not by toToml: it writes 8080 as 8080.0 and 1000000 as 1e+06, since YAML's numbers are all
floats here. JSON's strings, numbers and arrays of them are TOML's too. */}}
{{- define "sse-gateway.toml" -}}
{{- range $key, $value := .table }}
{{- if not (or (kindIs "invalid" $value) (kindIs "map" $value) (include "sse-gateway.isTables" $value)) }}
{{ include "sse-gateway.key" $key }} = {{ toRawJson $value }}
{{- end }}
{{- end }}
{{- range $key, $value := .table }}
{{- $path := append $.path (include "sse-gateway.key" $key) }}
{{- if kindIs "map" $value }}
{{- $body := include "sse-gateway.toml" (dict "path" $path "table" $value) }}
{{- if not (hasPrefix "\n\n[" $body) }}

[{{ join "." $path }}]
{{- end }}
{{- $body }}
{{- else if include "sse-gateway.isTables" $value }}
{{- range $value }}

[[{{ join "." $path }}]]
{{- include "sse-gateway.toml" (dict "path" $path "table" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sse-gateway.key" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ toRawJson . }}{{ end }}
{{- end }}

{{- /* Not empty for an array of tables. */}}
{{- define "sse-gateway.isTables" -}}
{{- if kindIs "slice" . }}{{ if and . (kindIs "map" (first .)) }}yes{{ end }}{{ end }}
{{- end }}

{{- define "sse-gateway.config" -}}
{{- include "sse-gateway.toml" (dict "path" list "table" .Values.config) | trim }}
{{- end }}

{{- /* Not empty if a source must be read by one replica only. */}}
{{- define "sse-gateway.isSingle" -}}
{{- range .Values.config.sources }}
{{- range . }}{{ if kindIs "map" . }}{{ if .single_replica }}yes{{ end }}{{ end }}{{ end }}
{{- end }}
{{- end }}

{{- /* What the gateway would only say in a pod that does not come up. */}}
{{- define "sse-gateway.check" -}}
{{- range $name := list "server" "admin" }}
{{- $host := get (get $.Values.config $name) "host" }}
{{- if or (hasPrefix "127." $host) (has $host (list "::1" "localhost")) }}
{{- fail (printf "config.%s.host is %s, where nobody outside the pod can reach it: leave it out" $name $host) }}
{{- end }}
{{- end }}
{{- $given := keys .Values.secrets }}
{{- range .Values.env }}{{ $given = append $given .name }}{{ end }}
{{- range regexFindAll "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}" (replace "$${" "" (include "sse-gateway.config" .)) -1 }}
{{- if not (or $.Values.envFrom (has (. | trimPrefix "${" | trimSuffix "}") $given)) }}
{{- fail (printf "config uses %s, which is in none of secrets, env and envFrom" .) }}
{{- end }}
{{- end }}
{{- if include "sse-gateway.isSingle" . }}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) }}
{{- fail "a source says single_replica: set replicaCount to 1 and leave autoscaling off, or other replicas' clients miss events" }}
{{- end }}
{{- end }}
{{- end }}
