import FrontDoor
import Glibc
import Logging

/// Whether this process runs in a container.
enum Container {
    /// In a container, a server on a loopback address can't be reached from outside.
    static func warn(ofAddresses addresses: [ServerAddress], _ logger: Logger) {
        guard addresses.allSatisfy(\.isLoopback), let sign else { return }
        logger.notice(
            "only programs in this container can reach the server; to serve others, listen on all addresses (--listen :8080)",
            metadata: ["container": "\(sign)"])
    }

    /// What shows it; `nil` if nothing does. systemd's container interface, and the files that Docker and Podman make.
    static var sign: String? {
        if let name = getenv("container").map({ String(cString: $0) }), !name.isEmpty { return name }
        if getenv("KUBERNETES_SERVICE_HOST") != nil { return "kubernetes" }
        for (file, name) in [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")] where access(file, F_OK) == 0
        {
            return name
        }
        return nil
    }
}
