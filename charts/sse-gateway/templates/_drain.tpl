{{- /* Seconds of a duration such as 250ms or 1.5h. */}}
{{- define "sse-gateway.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 }}
{{- $unit := regexFind "[a-z]+$" . }}
{{- mulf (float64 (trimSuffix $unit . | trim)) (get $units $unit) }}
{{- end }}

{{- /* What a pod gets between SIGTERM, or the preStop sleep before it, and SIGKILL. Two seconds after drain.timeout the gateway
ends even if its loop is stuck, so it needs those; three more are the kubelet's. */}}
{{- define "sse-gateway.gracePeriod" -}}
{{- $drain := .Values.config.drain }}
{{- $timeout := float64 (include "sse-gateway.seconds" $drain.timeout) }}
{{- if ge (addf (include "sse-gateway.seconds" $drain.delay) (include "sse-gateway.seconds" $drain.spread)) $timeout }}
{{- fail (printf "config.drain: delay (%s) and spread (%s) leave nothing of timeout (%s)" $drain.delay $drain.spread $drain.timeout) }}
{{- end }}
{{- $needed := int (addf (ceil $timeout) .Values.preStopSeconds 2) }}
{{- $given := .Values.terminationGracePeriodSeconds }}
{{- if kindIs "invalid" $given }}
{{- add $needed 3 }}
{{- else if lt (int $given) $needed }}
{{- fail (printf "terminationGracePeriodSeconds is %d, less than the drain takes: %d at least, from config.drain.timeout (%s) and preStopSeconds (%d); or leave it out" (int $given) $needed $drain.timeout (int .Values.preStopSeconds)) }}
{{- else }}
{{- int $given }}
{{- end }}
{{- end }}
