// A control plane built on go-control-plane, independent of meshio and of Istio.
//
//	goctl -listen 127.0.0.1:18000 -resources mesh.json
//
// Serves ADS (state of the world and delta) from one JSON file of xDS resources, the same to every node, and reads the
// file again when it changes. Prints "ready" once it listens and a line "NACK type: text" for each refusal.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// everyone gives all nodes the same snapshot.
type everyone struct{}

func (everyone) ID(*corev3.Node) string { return "everyone" }

// file is the JSON as it stands on disk: one list for each kind of resource.
type file struct{ Clusters, Endpoints, Listeners, Routes []json.RawMessage }

func parse[T types.Resource](raws []json.RawMessage, blank func() T) ([]types.Resource, error) {
	var out []types.Resource
	for _, raw := range raws {
		message := blank()
		if err := protojson.Unmarshal(raw, message); err != nil {
			return nil, err
		}
		out = append(out, message)
	}
	return out, nil
}

func load(path, version string) (*cache.Snapshot, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	kinds := map[resource.Type][]types.Resource{}
	for _, each := range []struct {
		kind resource.Type
		load func() ([]types.Resource, error)
	}{
		{resource.ClusterType, func() ([]types.Resource, error) {
			return parse(f.Clusters, func() *clusterv3.Cluster { return &clusterv3.Cluster{} })
		}},
		{resource.EndpointType, func() ([]types.Resource, error) {
			return parse(f.Endpoints, func() *endpointv3.ClusterLoadAssignment { return &endpointv3.ClusterLoadAssignment{} })
		}},
		{resource.ListenerType, func() ([]types.Resource, error) {
			return parse(f.Listeners, func() *listenerv3.Listener { return &listenerv3.Listener{} })
		}},
		{resource.RouteType, func() ([]types.Resource, error) {
			return parse(f.Routes, func() *routev3.RouteConfiguration { return &routev3.RouteConfiguration{} })
		}},
	} {
		if kinds[each.kind], err = each.load(); err != nil {
			return nil, err
		}
	}
	return cache.NewSnapshot(version, kinds)
}

func watch(path string, snapshots cache.SnapshotCache) {
	var seen time.Time
	for ; ; time.Sleep(100 * time.Millisecond) {
		info, err := os.Stat(path)
		if err != nil || info.ModTime().Equal(seen) {
			continue
		}
		snapshot, err := load(path, fmt.Sprint(info.ModTime().UnixNano()))
		if err != nil {
			continue // half written
		}
		seen = info.ModTime()
		if err := snapshots.SetSnapshot(context.Background(), "everyone", snapshot); err != nil {
			log.Print(err)
		}
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:18000", "address of the ADS")
	path := flag.String("resources", "mesh.json", "file of xDS resources")
	flag.Parse()

	snapshots := cache.NewSnapshotCache(true, everyone{}, nil)
	nack := func(kind string, text string) { fmt.Printf("NACK %s: %s\n", kind, text) }
	callbacks := server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, request *discoveryv3.DiscoveryRequest) error {
			if request.ErrorDetail != nil {
				nack(request.TypeUrl, request.ErrorDetail.Message)
			}
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, request *discoveryv3.DeltaDiscoveryRequest) error {
			if request.ErrorDetail != nil {
				nack(request.TypeUrl, request.ErrorDetail.Message)
			}
			return nil
		},
	}
	grpcServer := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), snapshots, callbacks))
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	go watch(*path, snapshots)
	fmt.Println("ready", listener.Addr())
	log.Fatal(grpcServer.Serve(listener))
}
