"""Properties of Microsoft.Compute resources, API versions 2026-04-01 (disks 2026-03-02).

Source: Microsoft's template reference. What the lab gives no meaning to is ANY.
"""

from lab.arm.schema import ANY, FLAG, ID, NUMBER, TEXT, Shape

CACHING = ("None", "ReadOnly", "ReadWrite")
DELETE = ("Delete", "Detach")
STORAGE = (
    "Premium_LRS", "Premium_ZRS", "PremiumV2_LRS", "Standard_LRS", "StandardSSD_LRS",
    "StandardSSD_ZRS", "UltraSSD_LRS",
)  # fmt: skip

AVAILABILITY_SET: Shape = {
    "platformFaultDomainCount": NUMBER,
    "platformUpdateDomainCount": NUMBER,
    "proximityPlacementGroup": ANY,
    "scheduledEventsPolicy": ANY,
}
AVAILABILITY_SKU: Shape = {"name": ("Aligned", "Classic"), "capacity": NUMBER, "tier": TEXT}

DISK: Shape = {
    "availabilityPolicy": ANY,
    "burstingEnabled": FLAG,
    "creationData": {
        "createOption": ("Attach", "Copy", "Empty", "FromImage", "Import", "Restore", "Upload"),
        "galleryImageReference": ANY,
        "imageReference": ANY,
        "logicalSectorSize": NUMBER,
        "performancePlus": FLAG,
        "sourceResourceId": TEXT,
        "sourceUri": TEXT,
    },
    "dataAccessAuthMode": TEXT,
    "diskAccessId": TEXT,
    "diskIOPSReadOnly": NUMBER,
    "diskIOPSReadWrite": NUMBER,
    "diskMBpsReadOnly": NUMBER,
    "diskMBpsReadWrite": NUMBER,
    "diskSizeGB": NUMBER,
    "encryption": ANY,
    "encryptionSettingsCollection": ANY,
    "hyperVGeneration": ("V1", "V2"),
    "maxShares": NUMBER,
    "networkAccessPolicy": ("AllowAll", "AllowPrivate", "DenyAll"),
    "optimizedForFrequentAttach": FLAG,
    "osType": ("Linux", "Windows"),
    "publicNetworkAccess": ("Disabled", "Enabled"),
    "purchasePlan": ANY,
    "securityProfile": ANY,
    "supportedCapabilities": ANY,
    "supportsHibernation": FLAG,
    "tier": TEXT,
}
DISK_SKU: Shape = {"name": STORAGE}

MANAGED: Shape = {
    "diskEncryptionSet": ANY,
    "id": TEXT,
    "securityProfile": ANY,
    "storageAccountType": STORAGE,
}
OS_DISK: Shape = {
    "caching": CACHING,
    "createOption": ("Attach", "FromImage"),
    "deleteOption": DELETE,
    "diffDiskSettings": ANY,
    "diskSizeGB": NUMBER,
    "encryptionSettings": ANY,
    "managedDisk": MANAGED,
    "name": TEXT,
    "osType": ("Linux", "Windows"),
    "writeAcceleratorEnabled": FLAG,
}
DATA_DISK: Shape = {
    "caching": CACHING,
    "createOption": ("Attach", "Empty"),
    "deleteOption": DELETE,
    "detachOption": TEXT,
    "diskSizeGB": NUMBER,
    "lun": NUMBER,
    "managedDisk": MANAGED,
    "name": TEXT,
    "toBeDetached": FLAG,
    "writeAcceleratorEnabled": FLAG,
}
LINUX: Shape = {
    "disablePasswordAuthentication": FLAG,
    "enableVMAgentPlatformUpdates": FLAG,
    "patchSettings": {
        "assessmentMode": ("AutomaticByPlatform", "ImageDefault"),
        "automaticByPlatformSettings": ANY,
        "patchMode": ("AutomaticByPlatform", "ImageDefault"),
    },
    "provisionVMAgent": FLAG,
    "ssh": {"publicKeys": [{"keyData": TEXT, "path": TEXT}]},
}
MACHINE: Shape = {
    "additionalCapabilities": ANY,
    "applicationProfile": ANY,
    "availabilitySet": ID,
    "billingProfile": ANY,
    "capacityReservation": ANY,
    "diagnosticsProfile": {"bootDiagnostics": {"enabled": FLAG, "storageUri": TEXT}},
    "evictionPolicy": ("Deallocate", "Delete"),
    "extensionsTimeBudget": TEXT,
    "hardwareProfile": {
        "vmSize": TEXT,
        "vmSizeProperties": {"vCPUsAvailable": NUMBER, "vCPUsPerCore": NUMBER},
    },
    "host": ANY,
    "hostGroup": ANY,
    "licenseType": TEXT,
    "networkProfile": {
        "networkApiVersion": TEXT,
        "networkInterfaceConfigurations": ANY,
        "networkInterfaces": [
            {"id": TEXT, "properties": {"deleteOption": DELETE, "primary": FLAG}}
        ],
    },
    "osProfile": {
        "adminPassword": TEXT,
        "adminUsername": TEXT,
        "allowExtensionOperations": FLAG,
        "computerName": TEXT,
        "customData": TEXT,
        "linuxConfiguration": LINUX,
        "requireGuestProvisionSignal": FLAG,
        "secrets": ANY,
    },
    "platformFaultDomain": NUMBER,
    "priority": ("Low", "Regular", "Spot"),
    "proximityPlacementGroup": ANY,
    "scheduledEventsPolicy": ANY,
    "scheduledEventsProfile": ANY,
    "securityProfile": {
        "encryptionAtHost": FLAG,
        "encryptionIdentity": ANY,
        "proxyAgentSettings": ANY,
        "securityType": ("ConfidentialVM", "Standard", "TrustedLaunch"),
        "uefiSettings": {"secureBootEnabled": FLAG, "vTpmEnabled": FLAG},
    },
    "storageProfile": {
        "alignRegionalDisksToVMZone": FLAG,
        "dataDisks": [DATA_DISK],
        "diskControllerType": ("NVMe", "SCSI"),
        "imageReference": {
            "communityGalleryImageId": TEXT,
            "id": TEXT,
            "offer": TEXT,
            "publisher": TEXT,
            "sharedGalleryImageId": TEXT,
            "sku": TEXT,
            "version": TEXT,
        },
        "osDisk": OS_DISK,
    },
    "userData": TEXT,
}
