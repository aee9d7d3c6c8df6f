package health

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func elasticsearch(s subject) *Health {
	unknown := &Health{Unknown, "Elasticsearch Cluster status is unknown"}
	available, ok := number(s.at([]string{"status", "availableNodes"}))
	if !ok {
		return unknown
	}
	want := 0.0
	for _, item := range s.list("spec", "nodeSets") {
		want += within(item).number("count")
	}
	phase := s.text("status", "phase")
	switch {
	case available < want:
		return progressing("The desired amount of availableNodes is %s but the current amount is %s", plain(want), plain(available))
	case available > want:
		return unknown
	case phase == "ApplyingChanges", phase == "MigratingData":
		return progressing("Elasticsearch phase is %s", phase)
	case phase == "Invalid":
		return degraded("Elasticsearch phase is Invalid")
	case phase != "Ready":
		return unknown
	}
	switch s.text("status", "health") {
	case "green":
		return healthy("Elasticsearch Cluster status is Green")
	case "yellow":
		return progressing("Elasticsearch Cluster status is Yellow. Check the status of indices, replicas and shards")
	case "red":
		return degraded("Elasticsearch Cluster status is Red. Check the status of indices, replicas and shards")
	}
	return unknown
}

// clusterExternalSecret judges by the last condition: they are appended.
func clusterExternalSecret(s subject) *Health {
	if len(s.conditions) == 0 {
		return progressing("Waiting for ClusterExternalSecret")
	}
	last := within(s.conditions[len(s.conditions)-1])
	text := last.text("message")
	switch last.text("type") + "=" + last.text("status") {
	case "Ready=True":
		return healthy("%s", text)
	case "PartiallyReady=True", "NotReady=True", "Ready=False":
		return degraded("%s", text)
	}
	return progressing("Waiting for ClusterExternalSecret")
}

func ceph(s subject) *Health {
	state, well := s.text("status", "state"), s.text("status", "ceph", "health")
	var texts, details []string
	reports, _ := s.at([]string{"status", "ceph", "details"}).(map[string]any)
	for _, name := range sortedKeys(reports) {
		if m := within(reports[name]).text("message"); m != "" {
			details = append(details, m)
		}
	}
	h := progressing("")
	switch well {
	case "HEALTH_OK":
		h.Status = Healthy
	case "HEALTH_WARN", "HEALTH_ERR":
		h.Status = Degraded
	}
	if well != "" {
		texts = append(texts, "Ceph health is "+well)
	}
	if len(details) > 0 && len(texts) > 0 {
		texts[0] += " (" + strings.Join(details, "; ") + ")"
	}
	if h.Status == Healthy && state != "" {
		texts = append(texts, "Ceph cluster state is "+state)
		switch state {
		case "Created", "Connected":
		case "Error":
			h.Status = Degraded
		default:
			h.Status = Progressing
		}
	}
	if m := s.text("status", "message"); m != "" {
		texts = append(texts, m)
	}
	h.Message = strings.Join(texts, " - ")
	if h.Message == "" {
		h.Message = "Waiting for status to be reported"
	}
	return h
}

func cassandra(s subject) *Health {
	racks, ok := s.at([]string{"status", "racks"}).(map[string]any)
	for _, name := range sortedKeys(racks) {
		rack := within(racks[name])
		members, mok := number(rack.at([]string{"members"}))
		ready, rok := number(rack.at([]string{"readyMembers"}))
		ok = ok && (!mok || !rok || members == ready)
	}
	if !ok {
		return progressing("Waiting for Cassandra Cluster")
	}
	return healthy("")
}

// koperator judges a Kafka cluster of the operator that Banzai Cloud began.
func koperator(s subject) *Health {
	state := s.text("status", "state")
	if state == "ClusterRollingUpgrading" {
		return progressing("Kafka Cluster is Rolling Upgrading.")
	}
	brokers, ok := s.at([]string{"status", "brokersState"}).(map[string]any)
	if !ok {
		return progressing("Waiting for KafkaCluster")
	}
	for _, name := range sortedKeys(brokers) {
		broker := within(brokers[name])
		action := broker.text("gracefulActionState", "cruiseControlState")
		if broker.text("configurationState") != "ConfigInSync" || action != "GracefulUpscaleSucceeded" && action != "GracefulDownscaleSucceeded" {
			return degraded("The configuration of broker %s is not in sync, or Cruise Control is not ready", name)
		}
	}
	switch topic := s.text("status", "cruiseControlTopicStatus"); {
	case topic == "CruiseControlTopicReady" && state == "ClusterRunning":
		return healthy("Kafka Brokers, CruiseControl and cluster are in Healthy State.")
	case state == "ClusterReconciling":
		return progressing("Kafka Cluster is Reconciling.")
	}
	return progressing("Waiting for KafkaCluster")
}

func connector(s subject) *Health {
	failed, counted := number(s.at([]string{"status", "failedTasksCount"}))
	switch state := s.text("status", "state"); {
	case state == "CREATED" && s.text("status", "connectorState") == "RUNNING" && !counted:
		return healthy("Connector running")
	case state == "ERROR":
		text := "The connector is in error"
		if len(s.conditions) > 0 {
			text = within(s.conditions[0]).text("message")
		}
		return degraded("%s", text)
	case state != "" && failed > 0:
		return degraded("Connector has failed tasks")
	}
	return progressing("Waiting for Kafka Connector")
}

func solr(s subject) *Health {
	if s.at([]string{"status", "solrNodes"}) == nil {
		return progressing("Waiting for solr to exist")
	}
	for _, node := range s.list("status", "solrNodes") {
		if within(node).text("ready") != "true" {
			return progressing("Not all replicas are ready")
		}
	}
	return healthy("Solr is ready")
}

// grafanaContent is unwell as soon as one condition is False.
func grafanaContent(s subject) *Health {
	h := progressing("")
	var texts []string
	for _, item := range s.conditions {
		c := within(item)
		texts = append(texts, fmt.Sprintf("%s for %s because %s", c.text("reason"), c.text("type"), c.text("message")))
		if c.text("status") == "False" {
			h.Status = Degraded
			break
		}
		if c.text("status") == "True" {
			h.Status = Healthy
		}
	}
	h.Message = strings.Join(texts, ", ")
	return h
}
