{{/* The name of all objects. A release that is named like the chart does not repeat it. */}}
{{- define "rocketchat-exporter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $default := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $default .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the Service below which each of several exporters has a name. */}}
{{- define "rocketchat-exporter.shardsName" -}}
{{- printf "%s-shards" (include "rocketchat-exporter.fullname" . | trunc 56 | trimSuffix "-") -}}
{{- end -}}

{{/* The labels of the pod that never change. The name is always the chart's, because the scrape job is named after it. */}}
{{- define "rocketchat-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rocketchat-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "rocketchat-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "rocketchat-exporter.image" -}}
{{- $global := .Values.global | default dict -}}
{{- $registry := $global.imageRegistry | default .Values.image.registry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "rocketchat-exporter.serviceAccountName" -}}
{{- $default := ternary (include "rocketchat-exporter.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $default .Values.serviceAccount.name -}}
{{- end -}}

{{/* Whether there is a web configuration, and whether it encrypts: text if so, else nothing. */}}
{{- define "rocketchat-exporter.webConfig" -}}
{{- if or .Values.webConfig.existingSecret.name .Values.webConfig.tlsSecret }}yes{{ end -}}
{{- end -}}
{{- define "rocketchat-exporter.https" -}}
{{- if .Values.webConfig.existingSecret.name -}}
{{- if .Values.webConfig.https }}yes{{ end -}}
{{- else if .Values.webConfig.tlsSecret }}yes{{ end -}}
{{- end -}}

{{/* The name of the object for a dashboard: a list of the context and the file. */}}
{{- define "rocketchat-exporter.dashboardName" -}}
{{- $name := last . | base | trimSuffix ".json" | trimPrefix "rocketchat-" -}}
{{- printf "%s-%s" (include "rocketchat-exporter.fullname" (first .) | trunc 45 | trimSuffix "-") $name -}}
{{- end -}}

{{/* Folders in the container. */}}
{{- define "rocketchat-exporter.secretsFolder" }}/run/secrets/rocketchat-exporter{{ end -}}
{{- define "rocketchat-exporter.configFolder" }}/etc/rocketchat-exporter{{ end -}}
{{- define "rocketchat-exporter.workspacesFolder" }}/etc/rocketchat-exporter-workspaces{{ end -}}
{{- define "rocketchat-exporter.webFolder" }}/run/secrets/rocketchat-exporter-web{{ end -}}

{{/* The exporter's configuration file. Connection strings are in files, which the exporter reads again when they change. */}}
{{- define "rocketchat-exporter.config" -}}
{{- $secrets := include "rocketchat-exporter.secretsFolder" . -}}
{{- $config := deepCopy .Values.config -}}
{{- $mongodb := get $config "mongodb" | default dict -}}
{{- if not (get $mongodb "live-max-memory") }}{{ $_ := unset $mongodb "live-max-memory" }}{{ end -}}
{{- if not $mongodb }}{{ $_ := unset $config "mongodb" }}{{ end -}}
{{- if .Values.workspaces -}}
{{- $workspaces := dict -}}
{{- range $name, $workspace := .Values.workspaces -}}
{{- $uri := dict "mongodb" (dict "uri-file" (printf "%s/%s.uri" $secrets $name)) -}}
{{- $_ := set $workspaces $name (mustMergeOverwrite $uri (deepCopy ($workspace.settings | default dict))) -}}
{{- end -}}
{{- $_ := set $config "workspaces" $workspaces -}}
{{- else if .Values.workspaceFiles.configMaps -}}
{{- $uri := dict "mongodb" (dict "uri-file" (printf "%s/{name}.uri" $secrets)) -}}
{{- $config = mustMergeOverwrite $config $uri -}}
{{- else -}}
{{- $uri := dict "mongodb" (dict "uri-file" (printf "%s/mongodb.uri" $secrets)) -}}
{{- $config = mustMergeOverwrite $config $uri -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Refuses values that contradict each other. */}}
{{- define "rocketchat-exporter.validate" -}}
{{- $sources := list -}}
{{- if .Values.existingSecret.name }}{{ $sources = append $sources "existingSecret.name" }}{{ end -}}
{{- if .Values.mongodb.uri }}{{ $sources = append $sources "mongodb.uri" }}{{ end -}}
{{- if .Values.workspaces }}{{ $sources = append $sources "workspaces" }}{{ end -}}
{{- if .Values.workspaceFiles.configMaps }}{{ $sources = append $sources "workspaceFiles.configMaps" }}{{ end -}}
{{- if not $sources -}}
{{- fail "no MongoDB is configured: set existingSecret.name to the Secret with the connection string, or mongodb.uri, or workspaces, or workspaceFiles" -}}
{{- end -}}
{{- if gt (len $sources) 1 -}}
{{- fail (printf "%s are set together; keep one of them" (join " and " $sources)) -}}
{{- end -}}
{{- if and .Values.shards (not (or .Values.workspaces .Values.workspaceFiles.configMaps)) -}}
{{- fail "shards share several workspaces: set workspaces or workspaceFiles.configMaps" -}}
{{- end -}}
{{- if and .Values.workspaceFiles.secrets (not .Values.workspaceFiles.configMaps) -}}
{{- fail "workspaceFiles.secrets belong to the files of workspaceFiles.configMaps, which is empty" -}}
{{- end -}}
{{- range $name := list "uri" "uri-file" -}}
{{- if hasKey ($.Values.config.mongodb | default dict) $name -}}
{{- fail (printf "config.mongodb.%s cannot be set, because the configuration is no secret: set existingSecret.name or mongodb.uri" $name) -}}
{{- end -}}
{{- range $workspace, $value := $.Values.workspaces -}}
{{- if hasKey (($value.settings | default dict).mongodb | default dict) $name -}}
{{- fail (printf "workspaces.%s.settings.mongodb.%s cannot be set, because the configuration is no secret: set existingSecret" $workspace $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if hasKey .Values.config "workspaces" -}}
{{- fail "config.workspaces cannot be set: set workspaces, whose connection strings are in Secrets" -}}
{{- end -}}
{{- if and .Values.webConfig.https (not .Values.webConfig.existingSecret.name) -}}
{{- fail "webConfig.https describes the file of webConfig.existingSecret.name, which is not set" -}}
{{- end -}}
{{- end -}}
