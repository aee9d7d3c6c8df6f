package guard

import (
	"fmt"

	"github.com/slipway-cd/slipway/engine/compare"
)

// holdsData are the kinds whose removal takes data, or other objects, with it.
var holdsData = map[[2]string]string{
	{"", "PersistentVolumeClaim"}:                        "its data may go with it",
	{"", "Namespace"}:                                    "everything in it goes with it",
	{"apps", "StatefulSet"}:                              "its pods stop; its claims stay unless their retention policy says otherwise",
	{"apiextensions.k8s.io", "CustomResourceDefinition"}: "every object of that kind goes with it",
	{"", "PersistentVolume"}:                             "its data may go with it",
	// of operators that keep data
	{"postgresql.cnpg.io", "Cluster"}:                        "its databases and their claims go with it",
	{"acid.zalan.do", "postgresql"}:                          "its databases may go with it",
	{"postgres-operator.crunchydata.com", "PostgresCluster"}: "its databases and their claims go with it",
	{"kafka.strimzi.io", "Kafka"}:                            "its brokers go with it; their claims stay unless they are set to be deleted",
	{"kafka.strimzi.io", "KafkaTopic"}:                       "the topic and its messages go with it",
	{"elasticsearch.k8s.elastic.co", "Elasticsearch"}:        "its indices may go with it",
	{"mongodbcommunity.mongodb.com", "MongoDBCommunity"}:     "its databases may go with it",
	{"rabbitmq.com", "RabbitmqCluster"}:                      "its queues and messages go with it",
	{"k8ssandra.io", "K8ssandraCluster"}:                     "its data may go with it",
	{"snapshot.storage.k8s.io", "VolumeSnapshot"}:            "the snapshot goes with it unless its class keeps it",
	{"cluster.x-k8s.io", "Cluster"}:                          "the whole cluster goes with it",
}

// destroys warns of removals that cannot be undone by applying the old manifests again.
func destroys(f Facts) []Finding {
	var found []Finding
	for _, d := range f.Differences {
		consequence, dangerous := holdsData[[2]string{d.ID.Group, d.ID.Kind}]
		_, told := renamed[[2]string{d.ID.Group, d.ID.Kind}]
		if d.Kind != compare.Removed || !dangerous || d.Now != "" && told {
			continue
		}
		found = append(found, Finding{
			Place: d.Place, ID: d.ID, Check: "destroys", Severity: Warn,
			Message: fmt.Sprintf("%s is removed: %s", d.ID, consequence),
		})
	}
	return found
}
