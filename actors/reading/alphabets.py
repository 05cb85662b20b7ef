"""The letters outside ASCII of languages and what stands beside them, for telling one encoding from another.

Counted in the distinct words of two collections of names and phrases: Unicode CLDR (countries, languages,
currencies, months, cities) and Django's translations. Plain data; `plausible` reads it.
"""

# ruff: noqa: RUF001

#: A language, its share of letters outside ASCII among all, and each of those as `letter per-mille:before:after`:
#: `before` and `after` are the usual neighbours, the commonest first, of 93 % of the cases; `-` is a word's edge.
LATIN = """
German 0.013
  ä349:l-mrwdhtgfe:nhtgirlsc ü309:sfr-gtmljzhk:drblgcsthnkm ö135:rz-nhklstj:snrgtfßei ß55:ueoiöä:eir-
  é36:mhrpl:-mluia í22:rnlav:n-vok á22:lmbtu:n-pr ó15:ilc:nr-
French 0.037
  é736:rnd-tmlshigvufpcb:-erlsctngmdopfab ï73:aeo:-tdnqgrlweab è66:htvlmirusdc:nrqtsgdmcl î19:rh-tam:-ln
  ê15:m-utin:tm ç12:na:ao ô10:crdht:tln- ü9:pn-rbg:skrme â9:rnhap:htgnyq û9:ogs:tlr- á9:lmbtu:n-pr ó7:ilcn:nro-
Spanish 0.031
  á224:trms-nvlyidpku:n-trislbudpf é215:ndmulctripbvka:s-rtnli í215:rlntducvs-ab:-ansgtromf ó167:itlrscmgnd:n-rlt
  ú96:mg-ptbnrhlcajidk:nl-sbar ñ61:eau:oae ü11:gp-rb:kíerms
Italian 0.006
  é164:mhprln:-mltra ì164:ds:- à110:tir:- í96:rnlahv:n-voak á82:lmbtu:n-pr ü55:p-rb:krms ó55:ilc:nr-
Portuguese 0.039
  ã168:çtisrmlnpdg:o- á163:rtl-mvnibpsdu:r-lsbgtvzdp ê125:ndulmctr:sn ç117:anerioíu:ãaõo
  í112:lrnsuta-gvdm:nvgscbptrldçaof é96:mnthrbsgvapld-:r-sltmcnqvxg ó61:tcrbigdmsen:rspnvtldg-f
  ú48:en-riplbhm:lnsdbcm õ43:çisrz:e â38:tlgzcbdumr:nm ô13:dltm:nm
Dutch 0.006
  ë391:ia:-lr ï157:aeo:tnser é104:mhrpl-é:-mluraén ü61:pn-rbze:srkmp á52:lmbtu:n-pr í43:nlrah:-vona ö35:rkt:elb
  ó35:icl:nr-
Catalan 0.039
  à308:itrlm-eucgvdbon:-nrlstmcbf è197:ndlrumvct-bxgsa:sr-ntl í137:lrtdun-mshxokv:-nsgtlvbrapfo ó109:itmpsx:-n
  ò54:trmdligscbenpvw:rnpltsv- ú52:r-mpbkdnaygxst:-slnmb é36:mtrhbuxypl:-smlqra ç35:naeorp:a-ou
  ü25:gipjn-rbe:elrkí-m ï17:uaei:nsutf- á8:lmbu:n-pr
Swedish 0.022
  ä436:vlrt-msgfkh:nrlstgmk ö286:f-lshrktnbdm:rasngvkdl- å165:rm-hlgtpsbv:lntg-krd é38:mrhlkya:-mlusixr
  á15:ulmbt:n-ipr í13:rnlah:n-voa ü13:pn-rbz:srkm ó11:ilcn:n-r
Danish 0.014
  ø362:fs-nhltrdpke:resjngvl æ327:rmv-gflsnph:nrlsktiv å152:rmpg-åfslt:-dslrnåe é66:mhrvplg-:-rmluxa
  á23:lmbtu:n-pr ü19:n-rbz:srm ó16:ilc:nr-
Norwegian 0.011
  ø536:s-nfhrtlkp:ryskndl å198:rm-tpnsgf:-krlstnd æ63:fvgrtemn:rl é58:mrhpl-:-mluran á29:lmbtu:n-pr í24:rahv:noak
  ü24:n-rbz:srm ó19:ilc:nr-
Finnish 0.031
  ä748:tälmsnjkvpi:-äntyriksljmh ö79:tkylrö:-tnpkiösyläb š65:tai-u:aeiukotn ž29:d:aip- é18:mhrypl:-nmluxra
  í11:rhlav:nvoa-k ü8:pn-rbz:srkm á8:lmbtu:n-pr
Icelandic 0.108
  í324:rtslnavbd-kgmhf:s-anktrlbmgdu ó158:kjtlrbdg-spmnh:-nlsmvrktpðag ú147:rbt-klsjngpd:rns-lamtgkdbvp
  ð141:iaruæfóáíöe:-uiagbrfsve á68:m-rlhjtsfnbp:-slrngðktedþí ö51:tmfr-hgvjpkb:lgnfrðks æ37:vrfbtlpsnhd-:ðrntmg-s
  þ31:-óáeí:eýraíji-vúyé é21:srtlmnph:rt-kgnusmlí ý18:þnlsk:snrðpjtga
Polish 0.042
  ń196:aoieu:s- ł185:aos-ógwduykb:aouąn-eókgęcy ż115:due-aoią:yae-iądknus ą113:ijłnltżzkb:-cdzgtż
  ś101:o-eyaj:crć-lnw ó96:prtgłndkisj:wrłlbt ę86:itjwłznblżk:-dtcpgzk ć63:aśiye:- ź15:dauó:-dna é9:hrmpl:-mlu
Czech 0.116
  š206:nrtjl-dauimkvbogázež:teas-víi á197:krnvtdlmzbžphus:-nldtvmzrsřš í125:nřlcčžrsjvmtzp:-ncsmtrkvjldž
  é102:knvmtldr:-mnshrld ý82:knvtr:-cdm č67:-eaioúmylru:etíniaku-o ž60:duo-aelníryi:iaeáínšk-ds
  ě54:nmvdbt:n-ltmsrkjřšz ř46:p-táboěahv:eíi-a ú21:-shalykjgcdb:dčtns-pvzu ů18:dntcmkplřhj:-vžml ň7:ae-o:a-ods
Slovak 0.105
  á214:knrltvmdzbuig:-ntrlcvzsmd č198:n-jraltdmibúegohk:iteían ý99:knvt:-cžs é93:nkvmrtdl:-nzrmhcd
  š84:-auneizovyážléľ:taiek-vspíonl í82:rnčžltzpšsf-d:n-vsrlkmcdbjzp ž61:duoa-ýelôn:iíandesk-šu
  ú43:j-nscktľml:-čntczsvpblť ó40:iktlgdrnz:nrdptb ť31:iaseäúšy:-a ľ24:eoh-kdau:askuonúš- ň10:e-dai:ao-
Hungarian 0.091
  á342:tzrvmlsnd-jgbeik:nlrstgjmkczbd é223:nt-zsklvmrgdhp:srngltzpvkm-h ó118:i-ktrzlgmbdsa:-dnlkpsbirtfvjc
  ö86:tkrz-lbgjh:rnzltskbvg í78:lstrkz-ceydmp:trnpvmlbk ő60:ztdsblrnf:-ltkjsndrbezp ü44:kr-ztsfjml:lkrzgst
  ú29:-jrthzapycs:jnlz-trdsp ű17:tmzr-v:rv-kslt
Slovenian 0.064
  š467:njriae-olmtdv:čktie č455:š-oia:iean- ž58:duoli-a:ianeu
Croatian 0.024
  č377:ia-oue:keianu š280:ae-ioru:kteainv-lp ž175:duoar:ianeu ć55:ei-oša:aie- đ43:aeiu:eaiu é24:mhrpl:-mluxa
  á14:lmbtu:n-pr
Romanian 0.048
  ă652:nzctrldsmb:-rt ţ140:aecinopruă:ia ş70:-aieur:itaăk-um â54:smcfkgtp:nmrzt î40:-t:nr é12:hmrpl:-mlua
  á7:lmbtu:n-pr
Turkish 0.071
  ı359:snrltydğkzcm:-nrzlsykmşc ç188:-etikapuçsşo:aei-çomul ş151:ie-auıro:at-eilkmuç
  ü129:trgsdk-lnymç:rnzk-mslçşctpy ğ90:aeioöıu:iıeulro- ö62:g-ybds:nrğlzs-i é8:mryplh:-mxau
Lithuanian 0.067
  ų405:intlrkjdgbsm:- ė144:nmdrltvpbsgj:-sjtnkl š132:-aikeru:taikovuyemsn-ųą ž105:d-uare:iaeyouk-sėt
  č88:e-iaunyū:iaeu ą42:stjknmdšig:-jr ū38:brjictkdpgma:rnskztč į27:-jrptndšsk:-vrsdžj ę17:tmjngzbl:-s
Latvian 0.088
  ā311:trnpjkmvlgdbsšzž:rn-lktdsmņcjfzv ī165:trzsdnlcm-ķžvb:tbnmgršvj-kzdl š157:e-okaīrigu:uaioās-ķver
  ē128:vmlrpntzdgcbk-j:rjtlmn-zģsšņgļ ņ52:āiao-ēīuzd:uaeoiš ū49:ljrbļmtnspžči:trnkdslšv
  ļ41:ekāoaētgi:uaūisģkr-āemfln ž40:dela-:aiuāīoūb č31:-ainuemb:ieauoī ķ14:-šeaiē:iīeut ģ11:ēeļ-:iue
Estonian 0.033
  ä318:pvämtjln:räeihlnt ü203:-tüklsprba:hlürpmskdbn õ176:vlpk-stmdjgõ:ihuntrplezgmkvõ š138:t-aiu:iaeouvk
  ž65:dl-:iaeukp ö33:ötrkslv:ön-ltb é19:mhrypl:-mluxra á10:lmbtu:n-pr í8:rahv:noak
Vietnamese 0.106
  ̣111:aêâôiuơoư:cn-ptiy ê100:iyhđtbvnxk:̣́n̉̀- ́93:êôâơưă:n-tcipum ̉86:aêôuiơưâ:-nimyua ô85:hđutcmglbsrn:̣́n̉̀-̃v
  ư64:htđdgrvcxlsim:ợ́̃̉-à ̀64:êiâôơưă:n-uai đ59:-:ôiaưêăâàơóo â58:hcut-mđrdblv:̣́̀nỷu ơ51:ưhc-mivđtslb:́n-̣̀̉
  á48:hcositm-xblu:cn-ipmut ̃39:ưaiôuyơeâo:-niao à34:hvlđtgndom:n-oiy ă28:hbđnvlrso:́ṇm̀ í18:hrlksxta-:n-ctpavo
  é16:mhsrinpl:c-tmluxa ó15:chniđlrx:-namr ú13:h-rxiđn:tcn-p
"""

#: Languages in scripts of their own: letters and their per mille.
OTHER = """
Greek
  α102 ο75 ι74 ν65 κ61 τ61 ε55 ρ53 μ45 σ41 ά40 λ39 π34 υ30 ί27 γ27 ς22 ό18 έ17 η17 δ15 β14 ύ11 χ10 ή9 ζ8 ω8 φ8 θ7
  ώ3 ϊ3 ξ2 ψ1
Russian
  а107 и90 н73 о71 е68 с64 к57 р56 т51 л41 й34 в32 м31 у29 д27 п21 я21 б20 г19 ь15 з12 ы12 х8 ч8 ж6 ф6 ш6 ю5 ц5 э4
  щ2 ё1
Ukrainian
  а120 н78 о64 к61 і59 с57 р52 е51 т46 и44 ь40 л38 в36 д31 м31 у30 й25 б20 п20 г19 я14 з12 х8 ч8 ж6 ц6 ф6 ш5 є4 ю4
  ї3 ґ2 щ1
Belarusian
  а171 н77 к60 і58 с57 р49 л41 я41 е37 ы35 т34 м31 д31 у29 в24 о23 п23 б20 г20 ц19 ь19 э17 з16 й12 ў12 ч9 х8 ш6 ж6
  ф5 ю4 ё3 ґ1
Bulgarian
  а127 и109 н77 е70 о63 к62 с62 р60 т55 л41 м30 д30 в29 у27 п22 б21 г20 з16 й13 я12 ъ10 ч9 х7 ж6 ф6 ш5 ц5 ю3 щ2
Serbian
  а134 и109 н71 е71 о69 к64 с62 р60 т47 л36 у34 м33 ј27 д27 в27 п23 б21 г20 з13 ч10 ш8 х7 ц7 ф6 њ5 ж3 љ3 џ2 ћ2 ђ1
Macedonian
  а133 и111 н74 к72 о72 с68 е68 р60 т52 л38 м31 у29 д27 в27 п22 ј21 г21 б20 з12 ч8 ш7 х6 ф6 ц6 џ3 ж2 њ2
Hebrew
  י146 ו129 א66 ר63 ה60 נ58 ל50 ת49 מ46 ב41 ק41 ס35 ט32 ד28 ג27 פ25 ש23 ן15 ח14 ם13 ע10 ז10 צ8 כ8 ך2 ף1 ץ1
Arabic
  ا166 ي115 ل108 و72 ن60 ر53 م46 ت46 ب38 ة35 س35 ك32 د29 ف18 أ17 ج17 غ12 ق12 ع11 ه11 ح10 ش8 ز8 خ7 إ7 ط7 ص7 ث4 ض3
  ئ2 ذ2 ء2 ى2 ظ1
Persian
  ا148 ي93 ی93 و87 ن76 ر66 ت48 ل45 م45 ک38 س37 د36 ب30 ه25 گ20 پ13 ز13 ش11 ف11 ج10 آ9 ق7 خ7 چ6 ع5 ئ5 ح3 ص3 ط3 غ3
  ژ2 ض1 ذ1 ث1 ظ1
Urdu
  ی137 ا137 و97 ن86 ر68 ل48 ک45 م45 س41 ب33 ٹ25 ت23 گ22 ئ20 ہ17 ڈ16 پ15 ج13 د13 ز11 ش11 ھ9 ف9 ے9 چ7 آ6 ق5 ع5 ں4 خ3
  ط3 ؤ3 غ3 ص2 ح2 ي2 ذ1 ڑ1 ظ1
Thai
  า76 เ60 น59 ร56 อ53 ก45 ล42 ี40 ม35 ิ35 ั30 ์28 ย27 ต26 ด24 ว23 บ23 โ23 ่22 ส21 ซ20 ง20 ค18 ู17 ้16 ป14 ท13 ห12
  แ12 ช10 ไ10 จ10 ุ9 ะ9 ฟ7 ใ6 พ6 ื5 ข5 ฮ4 ็4 ณ3 ถ3 ผ3 ำ3 ธ2 ศ1 ษ1 ญ1 ึ1 ภ1 ฐ1 ฤ1
"""
