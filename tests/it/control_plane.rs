//! The private control plane: `fourhundred dev` and all other suites stand on it.

use std::{path::Path, time::Duration};

use fourhundred::runtime::control_plane::{ADMIN, ControlPlane};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::{Api, api::PostParams};

use crate::harness::{Cluster, OPERATOR, OUTSIDER, Request, cluster, eventually, throughout, workspace};

suite! {
    it_is_ready_within_ten_seconds_and_of_its_kubectls_version,
    objects_outlive_a_killed_api_server,
    without_etcd_the_api_server_is_not_ready_and_recovers,
    a_paused_api_server_answers_nothing_and_then_goes_on,
    stopping_leaves_no_process_and_dropping_no_folder,
    a_second_start_in_the_same_folder_keeps_objects_and_service_account_tokens,
    users_have_the_groups_of_their_row_and_only_the_rights_of_their_roles,
    writes_are_counted_by_user_and_namespace,
}

async fn it_is_ready_within_ten_seconds_and_of_its_kubectls_version() {
    let cluster = cluster().await;
    assert!(cluster.start_took < Duration::from_secs(10), "the start took {:?}", cluster.start_took);
    let versions = cluster.kubectl(&["version", "--output=json"]).await.json();
    let server = versions["serverVersion"]["gitVersion"].as_str().expect("a server version");
    assert_eq!(versions["clientVersion"]["gitVersion"].as_str(), Some(server));
    let minor: u32 = server.split('.').nth(1).and_then(|minor| minor.parse().ok()).expect("v1.MINOR.PATCH");
    assert!(minor >= 34, "{server}");
}

async fn objects_outlive_a_killed_api_server() {
    let cluster = Cluster::own().await;
    let plane = &cluster.control_plane;
    let (name, url, pid) = (cluster.namespace("kept").await, plane.url(), plane.api_server_pid().await.unwrap());

    plane.kill_api_server().await.unwrap();
    assert_eq!(plane.api_server_pid().await.unwrap(), None);
    assert!(Api::<Namespace>::all(cluster.client()).get(&name).await.is_err());

    plane.start_api_server().await.unwrap();
    assert_eq!(plane.url(), url);
    assert_ne!(plane.api_server_pid().await.unwrap(), pid);
    let kept = Api::<Namespace>::all(cluster.client()).get(&name).await.unwrap();
    assert_eq!(kept.metadata.name, Some(name));
}

async fn without_etcd_the_api_server_is_not_ready_and_recovers() {
    let cluster = Cluster::own().await;
    let name = cluster.namespace("before").await;
    cluster.control_plane.stop_etcd().await.unwrap();
    // Its last look at etcd counts for a moment, so the first answer may still be yes.
    let refusal = eventually(Duration::from_secs(30), "the API server is not ready", async || {
        let answer = cluster.kubectl(&["get", "--raw", "/readyz"]).await;
        if answer.code == Some(0) { Err(answer.stdout) } else { Ok(answer.refused()) }
    })
    .await;
    assert!(refusal.contains("[-]etcd failed"), "{refusal}");

    cluster.control_plane.start_etcd().await.unwrap();
    eventually(Duration::from_secs(30), "the API server finds etcd again", async || {
        Api::<Namespace>::all(cluster.client()).get(&name).await
    })
    .await;
}

async fn a_paused_api_server_answers_nothing_and_then_goes_on() {
    let cluster = Cluster::own().await;
    let namespaces = Api::<Namespace>::all(cluster.client());
    cluster.control_plane.pause_api_server().await.unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(700), namespaces.get("default")).await;
    assert!(silence.is_err(), "a stopped process answered {silence:?}");
    cluster.control_plane.resume_api_server().await.unwrap();
    namespaces.get("default").await.unwrap();
}

async fn stopping_leaves_no_process_and_dropping_no_folder() {
    let cluster = Cluster::own().await;
    let plane = &cluster.control_plane;
    let pids = [plane.etcd_pid().await.unwrap().unwrap(), plane.api_server_pid().await.unwrap().unwrap()];
    let exist = |pid: &u32| Path::new("/proc").join(pid.to_string()).exists();
    assert!(pids.iter().all(exist));
    plane.stop().await.unwrap();
    assert!(!pids.iter().any(exist));

    let folder = plane.options().data_dir.clone();
    assert!(folder.starts_with(workspace().path()) && folder.exists());
    drop(cluster);
    assert!(!folder.exists());
}

async fn a_second_start_in_the_same_folder_keeps_objects_and_service_account_tokens() {
    let cluster = Cluster::own().await;
    let name = cluster.namespace("kept").await;
    cluster.kubectl(&["create", "serviceaccount", "robot", "--namespace", &name]).await.ok();
    let token = cluster.kubectl(&["create", "token", "robot", "--namespace", &name]).await.ok();
    cluster.control_plane.stop().await.unwrap();

    let again = ControlPlane::start(cluster.control_plane.options().clone()).await.unwrap();
    Api::<Namespace>::all(again.client(ADMIN).await.unwrap()).get(&name).await.unwrap();
    std::fs::write(cluster.kubeconfig(ADMIN), again.kubeconfig_yaml(OUTSIDER).unwrap()).unwrap();
    // Of the kubeconfig only the address and the certificate count here.
    let identity = cluster.kubectl(&["auth", "whoami", "--output=json", "--token", token.trim()]).await.json();
    assert_eq!(
        identity["status"]["userInfo"]["username"].as_str(),
        Some(format!("system:serviceaccount:{name}:robot").as_str())
    );
    again.stop().await.unwrap();
}

async fn users_have_the_groups_of_their_row_and_only_the_rights_of_their_roles() {
    let cluster = cluster().await;
    let identity = cluster.kubectl_as(OPERATOR, &["auth", "whoami", "--output=json"]).await.json();
    assert_eq!(identity["status"]["userInfo"]["username"].as_str(), Some(OPERATOR));
    assert_eq!(
        identity["status"]["userInfo"]["groups"],
        serde_json::json!([
            "system:serviceaccounts",
            "system:serviceaccounts:fourhundred-system",
            "system:authenticated"
        ])
    );

    let outsider = Api::<Secret>::default_namespaced(cluster.client_as(OUTSIDER).await);
    let refusal = outsider.list(&kube::api::ListParams::default()).await.unwrap_err();
    assert!(matches!(&refusal, kube::Error::Api(status) if status.code == 403), "{refusal}");
}

async fn writes_are_counted_by_user_and_namespace() {
    let cluster = cluster().await;
    let (namespace, other) = (cluster.namespace("counted").await, cluster.namespace("other").await);
    let requests = cluster.requests();
    let map = |name: &str| ConfigMap {
        metadata: kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        ..Default::default()
    };
    let create = async |namespace: &str, name: &str| {
        let maps = Api::<ConfigMap>::namespaced(cluster.client(), namespace);
        maps.create(&PostParams::default(), &map(name)).await.map(drop)
    };
    create(&namespace, "first").await.unwrap();
    create(&other, "elsewhere").await.unwrap();
    create(&namespace, "first").await.unwrap_err();
    Api::<ConfigMap>::namespaced(cluster.client(), &namespace).get("first").await.unwrap();

    let write = |code| Request {
        user: ADMIN.to_owned(),
        verb: "create".to_owned(),
        resource: "configmaps".to_owned(),
        namespace: namespace.clone(),
        name: "first".to_owned(),
        code,
    };
    assert_eq!(requests.writes(ADMIN, &namespace), [write(201), write(409)]);
    throughout(Duration::from_millis(300), "the operator, which does not run, writes nothing", async || {
        let writes = requests.writes(OPERATOR, &namespace);
        if writes.is_empty() { Ok(()) } else { Err(format!("{writes:?}")) }
    })
    .await;
}
